import { fileURLToPath } from 'node:url';
import { scenario } from './scenario.ts';

const script = fileURLToPath(new URL('../clients/php_scenario.php', import.meta.url));

scenario(
  'php-amqplib',
  ({ host, port, vhost }) => ['php', [script, host, String(port), vhost.name]],
  'goes on after a restart of the broker',
);
