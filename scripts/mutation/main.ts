/** `npm run mutate -- [FILES] [--minutes N] [--workers N] [--again]`; docs/testing.md says what it is for. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writePage } from './page.ts';
import { readResults, resultOf, sourceOf, writeResults } from './results.ts';
import { Runner } from './runner.ts';
import { ROOT, sources, testsOf } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '30' },
    workers: { type: 'string', default: '2' },
    // how long the tests of one mutant may take, where none of them fails
    seconds: { type: 'string', default: '20' },
    // survivors too: tests have been added
    again: { type: 'boolean', default: false },
  },
});
const files = sources().filter((file) => positionals.length === 0 || positionals.some((each) => file.includes(each)));
if (files.length === 0) throw new Error(`no source is like ${positionals.join(' or ')}: ${sources().join(', ')}`);

const deadline = Date.now() + Number(values.minutes) * 60_000;
const results = readResults();
const runners = Array.from({ length: Number(values.workers) }, () => new Runner());

for (const file of files) {
  if (Date.now() > deadline) break;
  await mutate(file);
  writeResults(results);
}
for (const runner of runners) runner.end();
writePage();

async function mutate(file: string): Promise<void> {
  const { result, mutants } = resultOf(results, file);
  const wanted = values.again ? [...result.survived, ...result.left] : result.left;
  if (wanted.length === 0) return;
  const source = sourceOf(file);
  const { tests, took } = await chosenTests(file);
  if (tests.length === 0) {
    console.log(`${file}: no test without a broker reaches it`);
    return;
  }
  const timeout = 20_000 + 5 * took;
  const survived = new Set(result.survived);
  const left = new Set(result.left);
  let next = 0;
  const work = async (runner: Runner): Promise<void> => {
    while (next < wanted.length && Date.now() < deadline) {
      const index = wanted[next++];
      const { start, end, replacement } = mutants[index];
      const text = source.slice(0, start) + replacement + source.slice(end);
      const answer = await runner.run({ tests, changed: { file: join(ROOT, file), text } }, timeout);
      left.delete(index);
      if (answer === 'timeout' || answer.failed !== '') survived.delete(index);
      else survived.add(index);
    }
  };
  await Promise.all(runners.map(work));
  const sorted = (set: Set<number>) => [...set].sort((a, b) => a - b);
  results[file] = { ...result, survived: sorted(survived), left: sorted(left) };
  const run = mutants.length - left.size;
  console.log(`${file}: ${run - survived.size} of ${run} killed, ${left.size} not run, ${tests.length} test files`);
}

/** The nearest ones that fit into the time, of those that pass as things are. */
async function chosenTests(file: string): Promise<{ tests: string[]; took: number }> {
  const tests: string[] = [];
  let took = 0;
  for (const test of testsOf(file)) {
    const started = performance.now();
    const path = join(ROOT, test);
    const sound = await runners[0].run({ tests: [path] }, 600_000);
    if (sound === 'timeout' || sound.failed !== '' || sound.passed === 0) {
      console.log(`${test} is left out, for it does not pass without a mutant: ${JSON.stringify(sound)}`);
      continue;
    }
    const time = performance.now() - started;
    if (tests.length > 0 && took + time > Number(values.seconds) * 1000) break;
    tests.push(path);
    took += time;
  }
  return { tests, took };
}
