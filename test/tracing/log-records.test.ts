import { afterEach, describe, expect, test } from 'vitest';
import { recordedLog } from '../../src/app/recorded-log.ts';
import { EventBus } from '../../src/events/bus.ts';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { createLogRecords, type LogRecords, type Told, tellLosses } from '../../src/telemetry/export/log-records.ts';
import { type SignalReceiver, startGrpcReceiver, startSignalReceiver } from '../../testing/otlp-signals.ts';
import { tell } from '../../testing/passages.ts';
import { delivery, END, identified, opened, PARENT, publish, recordingLog, SPAN, TRACE } from './fixtures.ts';

const TOLD: Told = {
  event: 'tracehare.test',
  severity: 'info',
  body: 'something happened',
  attributes: { 'tracehare.answer': 42 },
  at: END,
  traceId: '',
  spanId: '',
  sampled: false,
};

const all: LogRecords[] = [];
const receivers: SignalReceiver[] = [];
const before = { ...process.env };
afterEach(async () => {
  for (const records of all.splice(0)) await records.shutdown();
  for (const receiver of receivers.splice(0)) await receiver.close();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

async function start(receiver: SignalReceiver, env: Record<string, string> = {}) {
  receivers.push(receiver);
  Object.assign(process.env, { OTEL_LOGS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });
  const log = recordingLog();
  const records = await createLogRecords({ env: process.env, version: '1.2.3', log });
  all.push(records);
  return { records, lines: log.lines };
}

function busOf(events: LifecycleEvent[], records: LogRecords): EventBus {
  const bus = new EventBus(
    () => Number.POSITIVE_INFINITY,
    (error) => {
      throw error;
    },
  );
  tellLosses(bus, records);
  bus.attach({ read: (_, listener) => events.splice(0).map((event) => tell(listener, event)).length });
  return bus;
}

describe.each<[string, () => Promise<SignalReceiver>, Record<string, string>]>([
  ['http/protobuf', startSignalReceiver, {}],
  ['http/json', startSignalReceiver, { OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' }],
  ['grpc', startGrpcReceiver, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
])('%s', (_, receive, env) => {
  test('a loss is a record of its trace, with what is known of the message', async () => {
    const receiver = await receive();
    const { records } = await start(receiver, env);
    const bus = busOf(
      [
        opened(),
        identified(),
        publish({ outcome: 'failed', reason: 'unroutable', replyCode: 312, replyText: 'NO_ROUTE', messageId: 'm1' }),
      ],
      records,
    );
    bus.pump();
    await records.shutdown();
    expect(receiver.logs).toEqual([
      {
        time: BigInt(END) * 1000n,
        severity: 13,
        severityText: 'WARN',
        eventName: 'tracehare.message.lost',
        body: 'message of orders lost: unroutable',
        traceId: TRACE,
        spanId: SPAN,
        attributes: {
          'messaging.system.name': 'rabbitmq',
          'messaging.destination.name': 'shop:orders.eu',
          'messaging.destination.template': 'orders',
          'rabbitmq.destination.routing_key': 'orders.eu',
          'messaging.message.body.size': 512,
          'messaging.message.id': 'm1',
          'messaging.client.id': expect.any(String),
          'error.type': 'unroutable',
          'server.address': 'rabbit.internal',
          'server.port': 5671,
          'tracehare.pipeline': 'checkout',
          'tracehare.connection': 7,
          'tracehare.channel': 3,
          'tracehare.side': 'publish',
          'tracehare.reply_code': 312,
          'tracehare.reply_text': 'NO_ROUTE',
        },
      },
    ]);
    expect(receiver.resources[0]).toMatchObject({ 'service.name': 'tracehare', 'service.version': '1.2.3' });
    expect(records.figures()).toEqual({ exported: 1, dropped: 0 });
  });
});

test('losses of deliveries, and late ones, are told; what is no loss is not', async () => {
  const receiver = await startSignalReceiver();
  const { records } = await start(receiver);
  const common = { connection: 7, channel: 3, exchange: 'shop', routingKey: '', topic: 'orders', pipeline: 'checkout' };
  busOf(
    [
      publish(),
      delivery(),
      delivery({ outcome: 'failed', reason: 'rejected', settlement: 'reject', lost: false }),
      delivery({ outcome: 'failed', reason: 'rejected', settlement: 'reject', lost: true, sampled: false, spanId: '' }),
      { type: 'message.lost', at: END, side: 'publish', queue: '', reason: 'no_exchange', traceId: TRACE, ...common },
    ],
    records,
  ).pump();
  await records.shutdown();
  expect(receiver.logs.map(({ body, traceId, spanId }) => [body, traceId, spanId])).toEqual([
    ['message of orders lost out of billing: rejected', TRACE, PARENT],
    ['message of orders lost: no_exchange', TRACE, ''],
  ]);
});

test('what the log says from info on becomes records, and stays in the log', async () => {
  const receiver = await startSignalReceiver();
  const { records } = await start(receiver);
  const log = recordingLog();
  const recorded = recordedLog(log as never, 'tracehare.upstream', records);
  recorded.debug({ upstream: 'a:1' }, 'connected');
  recorded.warn({ upstream: '[::1]:5672', reason: 'ECONNREFUSED' }, 'upstream unreachable');
  recorded.error({ problems: ['one', 'two'] }, 'configuration not reloaded');
  recorded.info('plain');
  await records.shutdown();
  expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
    ['debug', 'connected'],
    ['warn', 'upstream unreachable'],
    ['error', 'configuration not reloaded'],
    ['info', 'plain'],
  ]);
  expect(receiver.logs.map(({ severityText, body, attributes }) => [severityText, body, attributes])).toEqual([
    ['WARN', 'upstream unreachable', { 'server.address': '::1', 'server.port': 5672, 'error.type': 'ECONNREFUSED' }],
    ['ERROR', 'configuration not reloaded', { 'tracehare.problems': '' }],
    ['INFO', 'plain', {}],
  ]);
});

test('there is room for so many, and what finds none is counted', async () => {
  const receiver = await startSignalReceiver();
  const { records } = await start(receiver, { OTEL_BLRP_MAX_QUEUE_SIZE: '10', OTEL_BLRP_SCHEDULE_DELAY: '60000' });
  for (let i = 0; i < 25; i++) records.tell(TOLD);
  await records.shutdown();
  const { exported, dropped } = records.figures();
  expect(exported + dropped).toBe(25);
  expect(receiver.logs).toHaveLength(exported);
  expect(dropped).toBeGreaterThan(0);
});

test('attributes have the limits that the variables set', async () => {
  const receiver = await startSignalReceiver();
  const { records } = await start(receiver, {
    OTEL_ATTRIBUTE_COUNT_LIMIT: '1',
    OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: '3',
  });
  records.tell({ ...TOLD, attributes: { a: 'abcdef', b: 'x' } });
  await records.shutdown();
  expect(receiver.logs[0].attributes).toEqual({ a: 'abc' });
});

test('an endpoint that fails is told of once, and its records are counted as dropped', async () => {
  const receiver = await startSignalReceiver();
  receiver.status = 400;
  const { records, lines } = await start(receiver, { OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '1' });
  for (let i = 0; i < 3; i++) records.tell(TOLD);
  await records.shutdown();
  expect(records.figures()).toEqual({ exported: 0, dropped: 3 });
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringContaining('log records could not be exported and were dropped: Bad Request (400)'),
  ]);
});

test.each([
  [{}],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }],
  [{ OTEL_LOGS_EXPORTER: 'none', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:1' }],
  [{ OTEL_LOGS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }],
])('with %o nobody is told anything', async (env) => {
  const records = await createLogRecords({ env, version: '1', log: recordingLog() });
  expect(records.isQuiet).toBe(true);
  const log = recordingLog();
  expect(recordedLog(log as never, 'tracehare.test', records)).toBe(log);
});
