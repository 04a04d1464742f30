/** Prints the bytes each message allocates on its way through the real data plane, by path, once all is warm. */
import { delivering, publishing } from '../../bench/micro/cases.ts';
import { weigh } from '../../bench/micro/measure.ts';

const MESSAGES = 300_000;
const input = { loss: [], body: 100, chunk: 64 * 1024, topics: 1, env: {} };
const sampled = { ...input, env: { OTEL_TRACES_SAMPLER: 'always_on' } };
const paths = {
  'publish, --loss off': publishing(input, 'off'),
  'publish, --loss returns': publishing(input, 'returns'),
  'publish, --loss confirms': publishing(input, 'confirms'),
  'publish, confirmed for the app': publishing(input, 'returns', {}, true),
  'deliver, auto-ack': delivering(input, true),
  'deliver, manual ack': delivering(input, false),
  'publish, all sampled': publishing(sampled, 'returns'),
  'deliver, auto-ack, all sampled': delivering(sampled, true),
  'deliver, manual ack, all sampled': delivering(sampled, false),
};

const bytes: Record<string, number> = {};
for (const [path, step] of Object.entries(paths)) {
  // the first until every window is as large as it gets; compiled for good it is now and then only after another one
  const stretches = [0, 1, 2, 3].map(() => weigh(step, MESSAGES));
  bytes[path] = Math.min(...stretches);
}
console.log(JSON.stringify(bytes));
