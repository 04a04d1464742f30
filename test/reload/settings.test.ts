import { expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { counts, ends, RESTART, reloaded, startReloadRig } from './rig.ts';

const topic = (name: string) => `rules: [{ match: { exchange: amq.topic }, topic: ${name} }]\n`;

test('a changed file is in force for open channels and running consumers, and told once', async () => {
  const { sidecar, write, app } = await startReloadRig(topic('one'));
  const channel = await (await app()).createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'amq.topic', '#');
  await channel.consume(queue, (message) => message !== null && channel.ack(message));
  const pass = async (): Promise<void> => {
    channel.publish('amq.topic', 'key', Buffer.from('x'));
    await channel.waitForConfirms();
  };
  await pass();
  expect(await reloaded(sidecar, () => write(topic('two')))).toMatchObject({ level: 'info', changed: ['rules'] });
  await pass();
  await pass();
  const passed = async (name: string, side: string): Promise<number> =>
    (await sidecar.metrics()).sum('event_throughput_total', { topic: name, side, status: 'success' });
  for (const side of ['publish', 'consume']) {
    await until(async () => (await passed('two', side)) === 2, `both later messages count, ${side}`);
    expect(await passed('one', side)).toBe(1);
  }
  expect(ends(sidecar)).toHaveLength(1);
  expect(await counts(sidecar)).toMatchObject({ success: 1, failure: 0, successful: 1 });
});

test('a fan-out is shown as long as a rule says it, whether messages pass or not', async () => {
  const rules = (first: string, second: string) =>
    `rules:\n- match: { routingKey: first }\n  topic: first\n${first}- match: { routingKey: second }\n  topic: second\n${second}`;
  const fanout = (n: number) => `  loss: { fanout: ${n} }\n`;
  const { sidecar, write, app } = await startReloadRig(rules(fanout(2), fanout(3)));
  const channel = await (await app()).createConfirmChannel();
  for (const key of ['first', 'second']) channel.publish('amq.topic', key, Buffer.from('x'));
  await channel.waitForConfirms();
  const shown = async () =>
    Object.fromEntries(
      (await sidecar.metrics()).matching('event_fanout').map(({ labels, value }) => [labels.topic, value]),
    );
  expect(await shown()).toEqual({ first: 2, second: 3 });
  await reloaded(sidecar, () => write(rules('', fanout(4))));
  expect(await shown()).toEqual({ second: 4 });
  await reloaded(sidecar, () => write(rules(fanout(5), '')));
  channel.publish('amq.topic', 'first', Buffer.from('x'));
  await channel.waitForConfirms();
  expect(await shown()).toEqual({ first: 5 });
});

test('what needs a restart is named and left as it was, the rest holds', async () => {
  const { sidecar, write } = await startReloadRig('workers: 1\n');
  const changed = 'workers: 2\nmetrics: { maxTopics: 7 }\nupstream: { connectTimeout: 1s }\ndrain: { timeout: 1s }\n';
  const line = await reloaded(sidecar, () => write(changed));
  expect(line.changed).toEqual(['upstream.connectTimeout', 'drain.timeout']);
  const told = await until(() => sidecar.log.find(({ msg }) => msg === RESTART), 'it is told');
  expect(told).toMatchObject({ level: 'warn', settings: ['metrics.maxTopics', 'workers'] });
  await reloaded(sidecar, () => write('workers: 1\n'));
  expect(sidecar.log.filter(({ msg }) => msg === RESTART)).toHaveLength(1);
});

test('flags go on beating the file', async () => {
  const { sidecar, write } = await startReloadRig('pipeline: one\n', ['--pipeline', 'flag']);
  expect((await reloaded(sidecar, () => write('pipeline: two\n'))).changed).toEqual([]);
});

test('limits, bypass and the pipeline hold for new connections', async () => {
  const { sidecar, write, app, vhost } = await startReloadRig('pipeline: one\n');
  const [first] = [await app()];
  const publish = async (model: typeof first): Promise<void> => {
    const channel = await model.createConfirmChannel();
    channel.publish('amq.topic', 'key', Buffer.from('x'));
    await channel.waitForConfirms();
    await channel.close();
  };
  // bodies of one byte
  const published = async () =>
    Object.fromEntries(
      (await sidecar.metrics())
        .matching('event_bytes_total', { side: 'publish' })
        .map(({ labels, value }) => [labels.pipeline, value]),
    );
  await publish(first);
  await reloaded(sidecar, () => write('pipeline: two\n'));
  const second = await app();
  await publish(first);
  await publish(second);
  expect(await published()).toEqual({ one: 2, two: 1 });
  await reloaded(sidecar, () => write('pipeline: two\nbypass: true\n'));
  await publish(await app());
  await publish(second);
  expect(await published()).toEqual({ one: 2, two: 2 });
  expect((await sidecar.metrics()).value('tracehare_bypass')).toBe(1);
  await reloaded(sidecar, () => write('limits: { connections: 1 }\n'));
  await expect(app()).rejects.toThrow();
  await reloaded(sidecar, () => write(''));
  await publish(await app());
  expect(await published()).toEqual({ one: 2, two: 2, [vhost.name]: 1 });
});

test('a bypass by SIGUSR2 outlives a reload', async () => {
  const { sidecar } = await startReloadRig('');
  sidecar.signal('SIGUSR2');
  await until(async () => (await sidecar.metrics()).value('tracehare_bypass') === 1, 'it is bypassed');
  await reloaded(sidecar, () => sidecar.signal('SIGHUP'));
  expect((await sidecar.metrics()).value('tracehare_bypass')).toBe(1);
});
