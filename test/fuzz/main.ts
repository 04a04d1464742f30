/** `npm run fuzz -- --minutes N`: random conversations against a broker of its own. docs/testing.md has the options. */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { startRabbitMQ } from '../../testing/rabbitmq.ts';
import { operations } from './operations.ts';
import { MODES, type Mode, Site } from './site.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    path: { type: 'string' },
    mode: { type: 'string', multiple: true, default: [...MODES] },
    alarms: { type: 'boolean', default: false },
  },
});
const unknown = values.mode.filter((each) => !MODES.includes(each as Mode));
if (unknown.length > 0) throw new Error(`not known: --mode ${unknown}; there are ${MODES}`);

/** Names of queues are counted for ever with this limit off: a sidecar is replaced now and then. */
const BATCH = 200;
const deadline = Date.now() + Number(values.minutes) * 60_000;
const rabbitmq = await startRabbitMQ();
const alarm = async (on: boolean) => {
  await rabbitmq.ctl('set_vm_memory_high_watermark', on ? '0.000001' : '0.6');
};
let seed = values.seed === undefined ? Date.now() & 0x7fff_ffff : Number(values.seed);
let failures = 0;
try {
  while (failures === 0 && Date.now() < deadline) {
    for (const mode of values.mode as Mode[]) {
      const left = deadline - Date.now();
      if (left <= 0 || failures > 0) break;
      const site = await Site.start({ port: rabbitmq.port, vhost: '/', alarm }, mode);
      let hasFailed = false;
      const details = await fc.check(
        fc.asyncProperty(operations(values.alarms), async (list) => {
          try {
            await site.run(list);
          } catch (error) {
            if (!hasFailed) console.log(`failed, and is made smaller: ${(error as Error).message}`);
            hasFailed = true;
            throw error;
          }
        }),
        {
          seed,
          ...(values.path === undefined ? {} : { path: values.path }),
          numRuns: BATCH,
          interruptAfterTimeLimit: Math.max(left, 60_000),
        },
      );
      console.log(`loss ${mode}, seed ${seed}: ${details.numRuns} runs${details.failed ? ', failed' : ''}`);
      if (details.failed && details.counterexample !== null) {
        failures++;
        console.log(details.errorInstance instanceof Error ? details.errorInstance.message : details.errorInstance);
        const on = values.alarms ? ' --alarms' : '';
        const again = `--mode ${mode} --seed ${seed} --path ${details.counterexamplePath}${on}`;
        console.log(`again: npm run fuzz -- ${again}`);
      }
      await site.stop();
    }
    // one thing again, and nothing else
    if (values.path !== undefined) break;
    seed = (seed + 1) & 0x7fff_ffff;
  }
} finally {
  await rabbitmq.stop();
}
process.exitCode = failures > 0 ? 1 : 0;
