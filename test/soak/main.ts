/** `npm run soak -- --minutes N [--seed S]`: docs/testing.md says what it does and promises. */
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

// clients leave it to nobody that their connection ended in the middle of something: it is told, and counts for nothing
const OF_A_CLIENT = /node_modules\/(@cloudamqp\/amqp-client|amqplib|rabbitmq-client)\//;
for (const event of ['unhandledRejection', 'uncaughtException'])
  process.on(event, (error) => {
    if (!OF_A_CLIENT.test(String(error?.stack))) throw error;
    console.log(`thrown by a client: ${String(error.stack).split('\n', 2).join(' ')}`);
  });

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Date.now() & 0x7fff_ffff : Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error('expects --minutes, above 0, and --seed, an integer');
console.log(`soak of ${minutes} min, seed ${seed}`);
const { problems, measured } = await soak(minutes, seed, (line) => console.log(line));
for (const line of measured) console.log(line);
for (const line of problems) console.log(`FAILED ${line}`);
console.log(problems.length === 0 ? 'passed' : `failed: again with --minutes ${minutes} --seed ${seed}`);
process.exitCode = problems.length === 0 ? 0 : 1;
