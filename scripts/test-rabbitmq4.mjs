// Runs tests on RabbitMQ 4, whichever RabbitMQ is installed.
//
//   node scripts/test-rabbitmq4.mjs [FILES AND OPTIONS OF VITEST]
//
// Without arguments: the tests below, whose result hangs on what a broker does. The others start none, or only need
// something that speaks AMQP.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { provideRabbitmq4 } from './rabbitmq4.mjs';

const BROKER_FACING = ['behaviour', 'identity', 'truth', 'loss', 'end-to-end', 'faults', 'process', 'rules', 'tls'];

try {
  const tests = process.argv.length > 2 ? process.argv.slice(2) : BROKER_FACING.map((name) => `test/${name}/`);
  const programs = provideRabbitmq4();
  console.log(`rabbitmq4: ${programs}`);
  const { status } = spawnSync('npx', ['vitest', 'run', ...tests], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, BROKER_PROGRAMS: programs },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(`rabbitmq4: ${error.message}`);
  process.exitCode = 1;
}
