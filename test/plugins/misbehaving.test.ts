import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { folderOf, startPluginRig } from './rig.ts';

const QUEUE = 'work';
const MESSAGES = 10;

const files = {
  'throws.js': `
    export const onPublish = () => { throw new Error('no\\nidea'); };
    export const onDeliver = () => { throw null; };
    export const onEvent = () => { throw new Error('not this one'); };`,
  'promises.js': `
    export const onPublish = async () => ({ headers: { add: { 'x-late': 'yes' } } });
    export const onDeliver = async () => { throw new Error('nobody waits for this'); };
    export const onEvent = async () => { throw new Error('nor for this'); };`,
  'slow.js': `
    export const counters = ['calls'];
    function busy({ count }) {
      const end = performance.now() + 5;
      while (performance.now() < end);
      count('calls');
    }
    export const onPublish = (_, plugin) => busy(plugin);
    export const onDeliver = (_, plugin) => busy(plugin);
    export const onEvent = (_, plugin) => busy(plugin);`,
  'odd.cjs': `
    const decisions = [7, 'yes', { header: {} }, { headers: { add: { size: 1 } } }, { sample: 'always' },
      { headers: { add: { traceparent: 'mine' } } }, { headers: { remove: 'x' } }, { headers: { add: { '': 'x' } } },
      { headers: { add: { ['x'.repeat(256)]: 'x' } } }, { headers: { add: { big: 'x'.repeat(1024) } } }];
    let next = 0;
    exports.onPublish = () => decisions[next++ % decisions.length];
    exports.onDeliver = (message, { count }) => count('nothing');`,
  'keeps.js': `
    let kept;
    export function onPublish(message) {
      const before = kept;
      kept = message;
      return before && { headers: { add: { 'x-before': String(before.headers.any) } } };
    }`,
  'good.js': `
    export const counters = ['delivered', 'events'];
    export const onPublish = ({ properties }) => ({ headers: { add: { 'x-good': properties.messageId } } });
    export const onDeliver = (_, { count }) => count('delivered');
    export const onEvent = (_, { count }) => count('events');`,
};
const config = `plugins:
${Object.keys(files)
  .map((name) => `  - module: ./${name}\n`)
  .join('')}`;

test('plugins that throw, dawdle, promise or decide nonsense: each message passes as without them, and they are counted', async () => {
  const rig = await startPluginRig({ ...files, 'tracehare.yaml': config });
  const { sidecar } = rig;
  const channel = await (await rig.app()).createConfirmChannel();
  await channel.assertQueue(QUEUE);
  for (let i = 0; i < MESSAGES; i++) channel.sendToQueue(QUEUE, Buffer.from(`${i}`), { messageId: `m${i}` });
  await channel.waitForConfirms();
  for (let i = 0; i < MESSAGES; i++) {
    const message = await channel.get(QUEUE, { noAck: true });
    if (message === false) throw new Error(`message ${i} is missing`);
    const { headers = {}, messageId } = message.properties;
    expect(message.content.toString()).toBe(`${i}`);
    expect(messageId).toBe(`m${i}`);
    expect(Object.keys(headers).sort()).toEqual(['traceparent', 'x-good', 'x-tracehare-sent']);
    expect(headers['x-good']).toBe(`m${i}`);
  }

  const metrics = await sidecar.metrics();
  const errors = (plugin: string) =>
    ['onPublish', 'onDeliver'].map((hook) => metrics.value('tracehare_plugin_errors_total', { plugin, hook }));
  const counted = (plugin: string, counter: string) =>
    metrics.value('tracehare_plugin_count_total', { plugin, counter });
  expect(errors('throws')).toEqual([MESSAGES, MESSAGES]);
  expect(errors('promises')).toEqual([MESSAGES, MESSAGES]);
  expect(errors('odd')).toEqual([MESSAGES, MESSAGES]);
  expect(errors('keeps')).toEqual([MESSAGES - 1, undefined]);
  expect(errors('good')).toEqual([0, 0]);
  expect(errors('slow')).toEqual([0, 0]);
  expect(counted('good', 'delivered')).toBe(MESSAGES);
  for (const hook of ['onPublish', 'onDeliver'])
    expect(metrics.value('tracehare_plugin_over_budget_total', { plugin: 'slow', hook })).toBe(MESSAGES);
  expect(metrics.value('tracehare_observer_failures_total')).toBe(0);

  // each event is told to every plugin; the same event fails with one and counts with the next
  await until(async () => {
    const now = await sidecar.metrics();
    const events = now.value('tracehare_plugin_count_total', { plugin: 'good', counter: 'events' });
    return (
      Number(events) > 0 &&
      ['throws', 'promises'].every(
        (plugin) => now.value('tracehare_plugin_errors_total', { plugin, hook: 'onEvent' }) === events,
      ) &&
      now.value('tracehare_plugin_over_budget_total', { plugin: 'slow', hook: 'onEvent' }) === events
    );
  }, 'every plugin was told every event');

  const told = (start: string) => sidecar.log.map(({ msg }) => msg).filter((msg) => msg.startsWith(start));
  const first = (plugin: string) =>
    until(() => told(`plugin ${plugin}: onPublish`)[0], `the log tells of plugin ${plugin}`);
  expect(await first('throws')).toMatch(/^plugin throws: onPublish failed and was skipped: no idea \(/);
  expect(await first('promises')).toContain('returned a promise: hooks are synchronous');
  expect(await first('odd')).toContain('it returned a number; expects nothing, or a decision');
  expect(await first('slow')).toMatch(/took [\d.]+ ms, its budget is 1 ms/);
  for (const plugin of ['throws', 'promises', 'odd', 'slow'])
    expect(told(`plugin ${plugin}: onPublish`).length).toBeLessThan(MESSAGES);
});

test('one that never comes back does not keep the process from ending', async () => {
  const begun = join(folderOf({}), 'begun');
  const { sidecar, app } = await startPluginRig(
    {
      'endless.js': `
        import { writeFileSync } from 'node:fs';
        export function onPublish() {
          writeFileSync(${JSON.stringify(begun)}, '');
          for (;;);
        }`,
      'tracehare.yaml': 'plugins:\n  - module: ./endless.js\n',
    },
    { args: ['--drain-timeout', '0s'] },
  );
  const channel = await (await app()).createChannel();
  channel.sendToQueue(QUEUE, Buffer.from('the last one'));
  await until(() => existsSync(begun), 'the plugin has begun');
  sidecar.signal('SIGTERM');
  expect(await sidecar.ended()).toBe('SIGKILL');
  expect(sidecar.log).toContainEqual(
    expect.objectContaining({ msg: 'drain does not end: killed', step: 'connections' }),
  );
});
