import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { inlineMore } from '../src/threads/inlining.ts';
import { type Case, cases } from './micro/cases.ts';
import { type Measured, measure } from './micro/measure.ts';

// What the data path costs apart from the kernel. For a CPU profile:
//   node --cpu-prof --cpu-prof-dir=/tmp/profile bench/micro.ts --only 'publish.*returns'
//   node bench/profile.ts /tmp/profile

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    loss: { type: 'string', default: 'off,returns,confirms' },
    seconds: { type: 'string', default: '1' },
    body: { type: 'string', default: '100' },
    chunk: { type: 'string', default: String(64 * 1024) },
    topics: { type: 'string', default: '1' },
    sampler: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

inlineMore();

const options = {
  loss: values.loss.split(','),
  body: Number(values.body),
  chunk: Number(values.chunk),
  topics: Number(values.topics),
  env: values.sampler === undefined ? {} : samplerEnv(values.sampler),
};

/** `always_on` or `traceidratio=0.01`. */
function samplerEnv(text: string): Record<string, string> {
  const [name, argument] = text.split('=');
  return { OTEL_TRACES_SAMPLER: name, ...(argument && { OTEL_TRACES_SAMPLER_ARG: argument }) };
}

const chosen = cases(options).filter(({ name }) => new RegExp(values.only).test(name));
const results = chosen.map((each) => {
  const result = chosen.length === 1 ? here(each) : apart(each.name);
  if (!values.json) print(result);
  return result;
});
if (values.json) console.log(JSON.stringify(chosen.length === 1 ? results[0] : results));

interface Result extends Measured {
  name: string;
}

function here({ name, prepare }: Case): Result {
  return { name, ...measure(prepare(), Number(values.seconds)) };
}

/** In a process of its own: what one case makes the compiler assume must not slow down the next. */
function apart(name: string): Result {
  const args = [...process.argv.slice(1), '--json', '--only', `^${RegExp.escape(name)}$`];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

function print({ name, ns, min, bytes, writesPerChunk }: Result): void {
  if (name === chosen[0].name) {
    console.log(`${'case'.padEnd(46)}ns/message    (5%)   bytes/message   writes/chunk`);
  }
  console.log(
    `${name.padEnd(46)}${ns.toFixed(1).padStart(10)}${min.toFixed(1).padStart(8)}${bytes.toFixed(1).padStart(16)}` +
      `${(writesPerChunk?.toFixed(2) ?? '').padStart(15)}`,
  );
}
