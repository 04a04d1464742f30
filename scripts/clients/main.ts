/**
 * `npm run proof:clients -- [--only NAME]… [--loss MODE]… [--kept-direct] [--sources DIR] [--write]`: the tests that client libraries
 * ship, direct and through the sidecar, compared test by test. docs/clients.md says what came of it.
 */
import { parseArgs } from 'node:util';
import { CLIENTS, clientNamed } from './all.ts';
import { LOSS_MODES, type Way } from './client.ts';
import { type Comparison, compare, count } from './comparison.ts';
import { keep } from './kept.ts';
import { writePage } from './page.ts';
import { keptDirect, RUNS, run } from './runs.ts';
import { sourceOf } from './sources.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    loss: { type: 'string', multiple: true, default: [] },
    'kept-direct': { type: 'boolean', default: false },
    sources: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const strange = values.loss.filter((mode) => !(LOSS_MODES as readonly string[]).includes(mode));
if (strange.length > 0) throw new Error(`no loss mode is called ${strange.join(', ')}: ${LOSS_MODES.join(', ')}`);
const modes = (values.loss.length > 0 ? values.loss : LOSS_MODES) as Way[];
const clients = values.only.length > 0 ? values.only.map(clientNamed) : CLIENTS;

let bad = 0;
for (const client of clients) {
  try {
    const folder = await sourceOf(client, values.sources);
    const direct = (values['kept-direct'] && keptDirect(client)) || (await run(client, 'direct', folder));
    const failed = Object.keys(direct.results).filter((test) => direct.results[test] === 'failed');
    const passed = count(direct.results, 'passed');
    console.log(
      `${client.name} ${client.version} direct: ${passed} passed, ${failed.length} failed, ` +
        `${count(direct.results, 'skipped')} skipped, in ${direct.seconds} s`,
    );
    for (const test of failed) console.log(`  fails without a sidecar: ${test}`);
    if (passed === 0) throw new Error(`no test passes without a sidecar: see ${RUNS}/${client.name}-direct.log`);
    for (const way of modes) {
      const comparison = await compare(client, direct, way, (on, only) => run(client, on, folder, only));
      keep(client, direct, comparison);
      tell(client.name, comparison);
      bad += comparison.broken.length + comparison.troubles.length;
      // after each, for all together take hours
      if (values.write) writePage();
    }
  } catch (error) {
    bad++;
    console.log(`${client.name}: ${(error as Error).message}`);
  }
}
console.log(bad === 0 ? 'every test that passes direct passes through the sidecar' : `${bad} failures`);
process.exitCode = bad === 0 ? 0 : 1;

function tell(name: string, { way, passed, excused, timing, broken, unsteady, troubles, messages }: Comparison): void {
  console.log(
    `${name} --loss ${way}: ${passed} passed, ${excused.length} excused, ${timing.length} passed alone only, ` +
      `${unsteady.length} unsteady, ${broken.length} broken, ${messages} messages seen`,
  );
  for (const test of broken) console.log(`  BROKEN: ${test}`);
  for (const trouble of troubles) console.log(`  TROUBLE: ${trouble}`);
}
