// Runs tests on RabbitMQ 4, whichever RabbitMQ is installed.
//
//   node scripts/test-rabbitmq4.mjs [FILES AND OPTIONS OF VITEST]
//
// Without arguments: all test files that talk to a RabbitMQ, which is seen by what they import, but for some folders.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideRabbitmq4 } from './rabbitmq4.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const BROKERS = ['testing/rabbitmq.ts', 'testing/vhost.ts'].map((file) => join(root, file));
/** They look at what is made of our figures, at our configuration or at what we cost: nothing of it hangs on the broker. */
const ELSEWHERE = ['alerts', 'dashboards', 'deploy', 'page', 'perf', 'plugins', 'reload'];

function brokerFacing() {
  const files = readdirSync(join(root, 'test'), { recursive: true }).filter((file) => file.endsWith('.test.ts'));
  return files
    .filter((file) => !ELSEWHERE.some((folder) => file.startsWith(`${folder}/`)))
    .map((file) => join(root, 'test', file))
    .filter((file) => reachesBroker(file, new Set()))
    .map((file) => relative(root, file))
    .sort();
}

function reachesBroker(file, seen) {
  if (BROKERS.includes(file)) return true;
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  const imported = readFileSync(file, 'utf8').matchAll(/from '(\.[^']*)'/g);
  return Array.from(imported, ([, path]) => resolve(dirname(file), path)).some((each) => reachesBroker(each, seen));
}

try {
  const programs = provideRabbitmq4();
  const tests = process.argv.length > 2 ? process.argv.slice(2) : brokerFacing();
  console.log(`rabbitmq4: vitest on ${programs}`);
  const { status } = spawnSync('npx', ['vitest', 'run', ...tests], {
    cwd: root,
    env: { ...process.env, BROKER_PROGRAMS: programs },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(`rabbitmq4: ${error.message}`);
  process.exitCode = 1;
}
