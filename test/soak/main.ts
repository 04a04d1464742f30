/** `npm run soak -- --minutes N [--seed S]`: docs/testing.md says what it does and promises. */
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

// amqp-client leaves it to nobody that a write of its own has failed when its socket was reset
process.on('unhandledRejection', (error) => {
  if (!/node_modules\/@cloudamqp\/amqp-client/.test(String((error as Error)?.stack))) throw error;
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
