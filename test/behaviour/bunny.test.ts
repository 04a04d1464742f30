import { fileURLToPath } from 'node:url';
import { scenario } from './scenario.ts';

const script = fileURLToPath(new URL('../clients/bunny_scenario.rb', import.meta.url));

scenario(
  'bunny',
  ({ url }) => ['ruby', ['-W0', script, url]],
  'recovers after a restart of the broker, with its topology',
);
