import type { ChannelModel, GetMessage, Options } from 'amqplib';
import { expect, test } from 'vitest';
import type { Rig } from '../process/rig.ts';
import { startPluginRig } from './rig.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const files = {
  'tracehare.yaml': `
rules:
  - match: { exchange: '', routingKey: edits }
    headers: { add: { ruled: rule, both: rule }, remove: [gone] }
  - match: { exchange: '', routingKey: traced }
    sample: always
    topic: named
    pipeline: grouped
plugins:
  - module: ./first.js
    options: { word: hello, list: [1, 2] }
    budget: 1m
  - module: ./first.js
    name: second
    options: { word: again }
    budget: 1m
`,
  'first.js': `
    export const counters = ['right', 'wrong', 'redelivered'];

    const shown = ({ side, exchange, routingKey, queue, topic, pipeline, app, connectionName, redelivered, bodySize,
        properties, headers, trace }) =>
      JSON.stringify({ side, exchange, routingKey, queue, topic, pipeline, app, connectionName, redelivered, bodySize,
        properties, headers, trace: trace ?? null }, (_, value) => typeof value === 'bigint' ? Number(value) : value);

    export function onPublish(message, { options }) {
      const { routingKey } = message;
      if (routingKey === 'seen') {
        if (options.word === 'hello') return { headers: { add: { shown: shown(message), options: JSON.stringify(options) } } };
        message.topic = 'other';
      }
      if (routingKey === 'edits') {
        const first = options.word === 'hello';
        return first
          ? { headers: { add: { both: 'first', kept: 'first', order: 'first' } } }
          : { headers: { add: { order: 'second', swapped: 'second' }, remove: ['taken'], replace: true } };
      }
      if (routingKey === 'sampled') return { sample: options.word === 'hello' };
      if (routingKey === 'traced') return { sample: false };
    }

    export function onDeliver({ side, queue, redelivered, exchange, routingKey, headers, trace }, { options, count }) {
      if (options.word !== 'hello') return;
      if (redelivered) count('redelivered');
      const right = side === 'consume' && queue === routingKey && exchange === '' &&
        headers.traceparent.slice(3, 35) === trace.traceId;
      count(right ? 'right' : 'wrong');
    }`,
};

async function pass(
  { app }: Rig,
  queue: string,
  options: Options.Publish = {},
  body = 'body',
): Promise<{ model: ChannelModel; message: GetMessage }> {
  const model = await app();
  const channel = await model.createConfirmChannel();
  await channel.assertQueue(queue);
  channel.sendToQueue(queue, Buffer.from(body), options);
  await channel.waitForConfirms();
  const message = await channel.get(queue, { noAck: true });
  if (message === false) throw new Error(`${queue} is empty`);
  return { model, message };
}

const sampledFlag = ({ properties }: GetMessage): string => String(properties.headers?.traceparent).slice(-2);

test('what plugins are shown and decide is what happens, together with rules and in their order', async () => {
  const rig = await startPluginRig(files, { env: { OTEL_TRACES_SAMPLER: 'always_on' } });

  const properties = {
    contentType: 'application/json',
    contentEncoding: 'identity',
    deliveryMode: 2,
    priority: 3,
    correlationId: 'c1',
    replyTo: 'answers',
    expiration: '60000',
    messageId: 'm1',
    timestamp: 1_700_000_000,
    type: 'order',
    userId: 'guest',
    appId: 'shop',
  };
  const headers = {
    traceparent: `00-${TRACE}-${SPAN}-01`,
    text: 'ä',
    number: 5,
    yes: true,
    list: ['a', { b: null }],
  };
  const { message: seen } = await pass(rig, 'seen', { ...properties, headers }, 'twelve bytes');
  const { shown, options } = seen.properties.headers as Record<string, string>;
  expect(JSON.parse(options)).toEqual({ word: 'hello', list: [1, 2] });
  expect(JSON.parse(shown)).toEqual({
    side: 'publish',
    exchange: '',
    routingKey: 'seen',
    queue: '',
    topic: 'seen',
    pipeline: rig.vhost.name,
    app: expect.stringContaining('guest'),
    connectionName: '',
    redelivered: false,
    bodySize: 12,
    properties,
    headers,
    trace: { traceId: TRACE, spanId: SPAN, sampled: true },
  });
  expect(seen.properties).toMatchObject({ ...properties, headers });

  const { message: bare } = await pass(rig, 'seen');
  expect(JSON.parse(bare.properties.headers?.shown)).toMatchObject({ properties: {}, headers: {}, trace: null });

  const { message: edited } = await pass(rig, 'edits', {
    headers: { kept: 'app', swapped: 'app', taken: 'app', gone: 'app', other: 'app' },
  });
  const { traceparent, 'x-tracehare-sent': sent, ...rest } = edited.properties.headers as Record<string, unknown>;
  expect([traceparent, sent]).not.toContain(undefined);
  expect(rest).toEqual({
    ruled: 'rule',
    both: 'first',
    kept: 'app',
    order: 'first',
    swapped: 'second',
    other: 'app',
  });

  expect(sampledFlag((await pass(rig, 'sampled')).message)).toBe('01');
  expect(sampledFlag((await pass(rig, 'other')).message)).toBe('01');
  expect(sampledFlag((await pass(rig, 'traced')).message)).toBe('00');
  const own = await pass(rig, 'traced', { headers: { traceparent: headers.traceparent } });
  expect(own.message.properties.headers?.traceparent).toBe(headers.traceparent);

  const again = await (await rig.app()).createChannel();
  await again.assertQueue('again');
  again.sendToQueue('again', Buffer.from('x'));
  for (const _ of [1, 2]) {
    const message = await again.get('again');
    if (message === false) throw new Error('again is empty');
    again.nack(message);
    await again.checkQueue('again');
  }

  const metrics = await rig.sidecar.metrics();
  const count = (counter: string) => metrics.value('tracehare_plugin_count_total', { plugin: 'first', counter });
  expect([count('right'), count('wrong'), count('redelivered')]).toEqual([9, 0, 1]);
  const errors = (plugin: string) => metrics.value('tracehare_plugin_errors_total', { plugin, hook: 'onPublish' });
  // the second one tried to change what it was shown, twice
  expect([errors('first'), errors('second')]).toEqual([0, 2]);
});
