import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { app, broker, type Message, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type RigOptions } from '../../testing/plane-rig.ts';
import { bits, method, short, string, table, u16, u64 } from '../../testing/wire.ts';
import { textOf } from '../metrics/rig.ts';

// Every way a publish ends, and all that is then counted and told of it: no more, and no less.

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;
const ORDER: Message = { exchange: '', routingKey: 'work', body: 10, mandatory: true };
const SAMPLED: RigOptions = { env: { OTEL_TRACES_SAMPLER: 'always_on' } };
const nack = method(1, 60, 120, u64(1), bits(false, false));
const close = (code: number, text: string) => method(1, 20, 40, u16(code), short(text), u16(60), u16(40));

/** A publisher whose clock stands until it is moved. */
function publisher(options: RigOptions & { confirms?: boolean } = {}) {
  let time = 1_700_000_000_000;
  const rig = createRig({ args: ['--loss', 'off'], ...SAMPLED, ...options, now: () => time });
  const exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  exposition.attach(rig.cells);
  handshake(rig, { confirms: options.confirms ?? false });
  rig.events();
  let written = Buffer.alloc(0);
  const write = rig.broker.write.bind(rig.broker);
  rig.broker.write = (bytes, then) => {
    if (bytes.length > 0) written = Buffer.from(bytes);
    return write(bytes, then);
  };
  return {
    ...rig,
    publishes: (message: Partial<Message> = {}) => rig.app.receive(publish({ ...ORDER, ...message })),
    says: (bytes: Buffer) => rig.broker.receive(Buffer.from(bytes)),
    /** The broker sends back what was written last. */
    returns() {
      const end = 7 + written.readUInt32BE(3);
      const names = written.subarray(13, end - 1);
      const content = written.subarray(end + 1);
      rig.broker.receive(Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), names), content]));
    },
    passes(ms: number) {
      time += ms;
    },
    /** What was told: of each publish all that says how it ended. */
    told: (): object[] =>
      rig.events().flatMap((event): object[] => {
        if (event.type === 'publish.ended') {
          const { outcome, reason, confirmed, replyCode, replyText, startedAt, endedAt } = event;
          return [{ outcome, reason, confirmed, reply: `${replyCode} ${replyText}`, ms: (endedAt - startedAt) / 1000 }];
        }
        if (event.type !== 'message.lost') return [];
        const { side, exchange, routingKey, topic, pipeline, queue, reason } = event;
        return [{ lost: { side, exchange, routingKey, topic, pipeline, queue, reason } }];
      }),
    /** Figures of publishes that are not 0; of times, how many and their sum. */
    async figures(): Promise<Record<string, number>> {
      const metrics = new Metrics(await textOf(exposition.render()));
      const side = { side: 'publish' };
      const of = (name: string, key: string): [string, number][] =>
        metrics.matching(name, side).map(({ labels, value }) => [`${name} ${labels[key] ?? ''}`, value]);
      const sums = (name: string): [string, number][] =>
        ['count', 'sum'].map((each) => [`${name} ${each}`, metrics.sum(`${name}_${each}`)]);
      return Object.fromEntries(
        [
          ...of('event_throughput_total', 'status'),
          ...of('event_lost_total', 'reason'),
          ...of('event_unknown_total', 'reason'),
          ...sums('event_confirm_seconds'),
          ...sums('messaging_client_operation_duration_seconds'),
          ['passed', metrics.sum('messaging_client_sent_messages_total')] as [string, number],
          ['bytes', metrics.sum('event_bytes_total', side)] as [string, number],
          ['expected', metrics.sum('event_unrouted_expected_total')] as [string, number],
        ]
          .filter(([, value]) => value !== 0)
          .map(([name, value]) => [name.replace('event_', '').replace('_total', '').trim(), value]),
      );
    },
  };
}

const PASSED = { passed: 1, bytes: 10 };
const took = (seconds: number) => ({
  'messaging_client_operation_duration_seconds count': 1,
  ...(seconds > 0 && { 'messaging_client_operation_duration_seconds sum': seconds }),
});
const confirmedAfter = (seconds: number) => ({ 'confirm_seconds count': 1, 'confirm_seconds sum': seconds });

test('confirmed: a success that took until the broker said so', async () => {
  const { publishes, passes, says, told, figures } = publisher({ confirms: true });
  publishes();
  passes(2000);
  says(broker.ack(1, false));
  expect(told()).toEqual([{ outcome: 'success', reason: '', confirmed: true, reply: '0 ', ms: 2000 }]);
  expect(await figures()).toEqual({ ...PASSED, 'throughput success': 1, ...confirmedAfter(2), ...took(2) });
});

test('nacked: lost, and no word of the broker is made up', async () => {
  const { publishes, passes, says, told, figures } = publisher({ confirms: true });
  publishes();
  passes(2000);
  says(nack);
  expect(told()).toEqual([{ outcome: 'failed', reason: 'nacked', confirmed: true, reply: '0 ', ms: 2000 }]);
  const failed = { 'throughput failed': 1, 'lost nacked': 1 };
  expect(await figures()).toEqual({ ...PASSED, ...failed, ...confirmedAfter(2), ...took(2) });
});

test('nacked by a queue that dead-letters what it refuses: failed, and not lost', async () => {
  const { app: from, publishes, passes, says, told, figures } = publisher({ confirms: true });
  const dying = table([string('x-dead-letter-exchange', 'dlx'), string('x-overflow', 'reject-publish-dlx')]);
  from.receive(method(1, 50, 10, u16(0), short('work'), bits(false), dying));
  says(method(1, 50, 11, short('work'), Buffer.alloc(8)));
  publishes();
  passes(2000);
  says(nack);
  expect(told()).toEqual([{ outcome: 'failed', reason: 'nacked', confirmed: true, reply: '0 ', ms: 2000 }]);
  expect(await figures()).toEqual({ ...PASSED, 'throughput failed': 1, ...confirmedAfter(2), ...took(2) });
});

test('returned: lost with the broker’s words, confirmed by nobody, and ended when it was flushed', async () => {
  const { publishes, passes, returns, told, figures } = publisher();
  publishes();
  passes(500);
  returns();
  expect(told()).toEqual([{ outcome: 'failed', reason: 'unroutable', confirmed: false, reply: '312 NO_ROUTE', ms: 0 }]);
  expect(await figures()).toEqual({ ...PASSED, 'throughput failed': 1, 'lost unroutable': 1, ...took(0) });
});

test('returned and confirmed: lost with the broker’s words, at the confirm', async () => {
  const { publishes, passes, returns, says, told, figures } = publisher({ confirms: true });
  publishes();
  returns();
  expect(told()).toEqual([]);
  passes(2000);
  says(broker.ack(1, false));
  const words = { reply: '312 NO_ROUTE', ms: 2000 };
  expect(told()).toEqual([{ outcome: 'failed', reason: 'unroutable', confirmed: true, ...words }]);
  const failed = { 'throughput failed': 1, 'lost unroutable': 1 };
  expect(await figures()).toEqual({ ...PASSED, ...failed, ...confirmedAfter(2), ...took(2) });
});

test('returned where that is expected: neither lost nor a success', async () => {
  const rules = [{ match: { routingKey: 'work' }, loss: { unroutable: 'expected' as const } }];
  const { publishes, passes, returns, says, told, figures } = publisher({ confirms: true, rules });
  publishes();
  returns();
  passes(2000);
  says(broker.ack(1, false));
  expect(told()).toEqual([{ outcome: 'success', reason: '', confirmed: true, reply: '312 NO_ROUTE', ms: 2000 }]);
  expect(await figures()).toEqual({ ...PASSED, expected: 1, ...confirmedAfter(2) });
});

test('returned after all: a loss that is told by its names, beside the success', async () => {
  const { publishes, pass, passes, returns, told, figures } = publisher();
  publishes();
  passes(1100);
  pass(0);
  expect(told()).toEqual([{ outcome: 'success', reason: '', confirmed: false, reply: '0 ', ms: 0 }]);
  returns();
  const names = { exchange: '', routingKey: 'work', topic: 'work', pipeline: '/', queue: '' };
  expect(told()).toEqual([{ lost: { side: 'publish', ...names, reason: 'unroutable' } }]);
  expect(await figures()).toEqual({ ...PASSED, 'throughput success': 1, 'lost unroutable': 1, ...took(0) });
});

test('one of several refused: one loss, of which no span is claimed', async () => {
  const { publishes, says, told, figures } = publisher({ confirms: true });
  for (const exchange of ['gone', 'gone']) publishes({ exchange });
  says(close(404, "NOT_FOUND - no exchange 'gone' in vhost '/'"));
  const reply = "404 NOT_FOUND - no exchange 'gone' in vhost '/'";
  const unknown = { outcome: 'unknown', reason: 'channel_error', confirmed: false, reply, ms: 0 };
  const names = { exchange: 'gone', routingKey: 'work', topic: 'gone', pipeline: '/', queue: '' };
  expect(told()).toEqual([{ lost: { side: 'publish', ...names, reason: 'no_exchange' } }, unknown, unknown]);
  const lost = { 'throughput failed': 1, 'lost no_exchange': 1, 'unknown channel_error': 1 };
  expect(await figures()).toEqual({ passed: 2, bytes: 20, ...lost, ...took(0) });
});

test('open when its channel is closed: unknown', async () => {
  const { app: from, publishes, passes, says, told, figures } = publisher({ confirms: true });
  publishes();
  publishes();
  passes(500);
  from.receive(method(1, 20, 40, u16(200), short(''), u16(0), u16(0)));
  says(method(1, 20, 41));
  const unknown = { outcome: 'unknown', reason: 'unconfirmed_at_close', confirmed: false, reply: '0 ', ms: 500 };
  expect(told()).toEqual([unknown, unknown]);
  expect(await figures()).toEqual({ passed: 2, bytes: 20, 'unknown unconfirmed_at_close': 2 });
});

test('kept from the broker by a fault: lost, at once', async () => {
  const rules = [{ match: { routingKey: 'work' }, faults: [{ type: 'drop' as const, toxicity: 1 }] }];
  const { publishes, told, figures } = publisher({ rules });
  publishes();
  expect(told()).toEqual([{ outcome: 'failed', reason: 'fault', confirmed: false, reply: '0 ', ms: 0 }]);
  expect(await figures()).toEqual({ ...PASSED, 'throughput failed': 1, 'lost fault': 1, ...took(0) });
});

test('rolled back: never published', async () => {
  const { app: from, publishes, returns, says, told, figures } = publisher();
  from.receive(method(1, 90, 10));
  says(method(1, 90, 11));
  publishes();
  returns();
  from.receive(method(1, 90, 30));
  says(method(1, 90, 31));
  from.receive(app.close);
  expect(told()).toEqual([]);
  expect(await figures()).toEqual({});
});
