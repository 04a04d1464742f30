import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { app, broker, PROTOCOL, publish } from '../../testing/peer-frames.ts';
import { createRig } from '../../testing/plane-rig.ts';
import {
  bits,
  type Entry,
  entry,
  header,
  long,
  method,
  short,
  string,
  table,
  u8,
  u16,
  u64,
} from '../../testing/wire.ts';
import { textOf } from '../metrics/rig.ts';

// Brokers that can't be had here, and such as no sane one is: what they do to deliveries, frame by frame.

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;
const LARGEST = Buffer.alloc(8, 0xff);
const ALL = ['event_throughput_total', 'event_requeued_total', 'event_unknown_total', 'event_lost_total'];

const closeOk = method(1, 20, 41);
const qosOk = method(1, 60, 11);
const cancelled = (tag: string) => method(1, 60, 30, short(tag), bits(true));
const refused = method(1, 20, 40, u16(406), short('PRECONDITION_FAILED - unknown delivery tag'), u16(60), u16(80));
const nack = (tag: number) => method(1, 60, 120, u64(tag), bits(false, true));
const reject = (tag: number) => method(1, 60, 90, u64(tag), bits(true));

/** A connection to a broker of that version, with a consumer `tag` of the queue `jobs` on channel 1. */
function consumer(version = '4.3.0', args: string[] = []) {
  const rig = createRig({ args });
  const exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  exposition.attach(rig.cells);
  const start = table([string('product', 'RabbitMQ'), string('version', version)]);
  const says = {
    app: (...frames: Uint8Array[]) => rig.app.receive(Buffer.concat(frames)),
    broker: (...frames: Uint8Array[]) => rig.broker.receive(Buffer.concat(frames)),
  };
  says.app(PROTOCOL);
  says.broker(method(0, 10, 10, u8(0), u8(9), start, long('PLAIN'), long('en_US')));
  says.app(app.startOk);
  says.broker(broker.tune);
  says.app(app.tuneOk, app.open);
  says.broker(broker.openOk);
  says.app(app.channelOpen);
  says.broker(broker.channelOpenOk);
  says.app(app.consume('jobs', 'tag', false));
  says.broker(broker.consumeOk('tag'));
  return {
    ...rig,
    says,
    /** Deliveries to `tag`, of those that were delivered `before`. */
    delivers(tags: (number | Buffer)[], before = 0, to = 'tag') {
      for (const tag of tags) {
        const number = typeof tag === 'number' ? u64(tag) : tag;
        const count: Entry[] = before === 0 ? [] : [entry('x-delivery-count', 'l', u64(before))];
        const names = [short(to), number, bits(before > 0), short('orders'), short('new')];
        says.broker(method(1, 60, 60, ...names), header(1, 0, count));
      }
    },
    acks: (...tags: number[]) => says.app(...tags.map((tag) => app.ack(tag, false))),
    /** What is counted and not 0, by its labels but topic and pipeline. */
    async figures(): Promise<Record<string, number>> {
      const metrics = new Metrics(await textOf(exposition.render()));
      const figures: Record<string, number> = {};
      for (const { name, labels, value } of metrics.samples) {
        const what = [labels.side, labels.status, labels.reason].filter(Boolean).join(' ');
        if (ALL.includes(name) && value !== 0) figures[name === 'event_lost_total' ? `lost ${what}` : what] = value;
        if (name === 'tracehare_unsettled_deliveries' && value !== 0) figures.unsettled = value;
        if (name === 'tracehare_unobserved_total' && value !== 0) figures[`unobserved ${what}`] = value;
      }
      return figures;
    },
    /** Of consumers: what was told since the last call. */
    told: () =>
      rig.events().flatMap((event) => {
        if (event.type === 'consumer.started') return [`${event.consumerTag} started`];
        return event.type === 'consumer.cancelled' ? [`${event.consumerTag} cancelled by ${event.by}`] : [];
      }),
  };
}

describe('a consumer that the broker cancels', () => {
  test('has its deliveries requeued; what it settles late, and what comes when it is revived, counts once', async () => {
    const { says, delivers, acks, figures } = consumer();
    delivers([1, 2, 3]);
    acks(1);
    says.broker(cancelled('tag'));
    expect(await figures()).toEqual({ 'consume success': 1, consumer_cancelled: 2 });
    // a request in between is no sign that nothing more will come
    says.app(app.qos(1));
    says.broker(qosOk);
    acks(2, 3);
    expect(await figures()).toEqual({ 'consume success': 1, consumer_cancelled: 2 });
    delivers([4, 5], 1);
    expect(await figures()).toEqual({ 'consume success': 1, consumer_cancelled: 2, unsettled: 2 });
    acks(4, 5);
    expect(await figures()).toEqual({ 'consume success': 3, consumer_cancelled: 2 });
  });

  test('takes nothing from another of the same queue', async () => {
    const { says, delivers, acks, figures } = consumer();
    says.app(app.consume('jobs', 'other', false));
    says.broker(broker.consumeOk('other'));
    delivers([1, 2]);
    delivers([3, 4], 0, 'other');
    says.broker(cancelled('tag'));
    expect(await figures()).toEqual({ consumer_cancelled: 2, unsettled: 2 });
    acks(3, 4);
    expect(await figures()).toEqual({ 'consume success': 2, consumer_cancelled: 2 });
  });

  test('may settle what it held once, not twice', async () => {
    const { says, delivers, acks, figures } = consumer();
    delivers([1, 2]);
    says.broker(cancelled('tag'));
    delivers([3], 1);
    acks(1, 1, 3);
    says.broker(refused);
    says.app(closeOk);
    expect(await figures()).toEqual({ consumer_cancelled: 2, channel_closed: 1 });
  });

  test('is told of once, and so is one that cancels without waiting for an answer', () => {
    const { says, told } = consumer();
    says.app(app.consume('jobs', 'other', false));
    says.broker(broker.consumeOk('other'));
    expect(told()).toEqual(['tag started', 'other started']);
    says.broker(cancelled('tag'));
    says.app(method(1, 60, 30, short('other'), bits(true)));
    expect(told()).toEqual(['tag cancelled by broker', 'other cancelled by app']);
    says.app(app.qos(1));
    says.broker(qosOk, method(1, 20, 40, u16(320), short('gone'), u16(0), u16(0)));
    expect(told()).toEqual([]);
  });
});

describe('a settlement of a tag that is not open', () => {
  test('counts with all behind it once an answer shows that this broker takes it', async () => {
    const { says, delivers, acks, figures, pass } = consumer();
    delivers([1, 2, 3]);
    acks(1);
    says.app(app.qos(1));
    acks(1, 2);
    says.app(publish({ exchange: '', routingKey: 'jobs', body: 1 }));
    pass(5000);
    const waiting = { 'consume success': 1, unsettled: 2 };
    expect(await figures()).toEqual(waiting);
    // asked before: it says nothing
    says.broker(qosOk);
    expect(await figures()).toEqual(waiting);
    says.app(app.qos(1));
    acks(3);
    says.broker(qosOk);
    expect(await figures()).toEqual({ 'consume success': 3, 'publish success': 1 });
  });

  test('and those behind it cost a bounded amount of memory', async () => {
    const { says, delivers, figures } = consumer();
    delivers([1]);
    const many = Buffer.concat(Array.from({ length: 5000 }, (_, i) => app.ack(1, i % 2 === 0)));
    says.app(many);
    expect(Object.keys(await figures())).toContain('consume success');
    says.broker(refused);
    says.app(closeOk);
    expect((await figures()).unsettled).toBeUndefined();
  });

  test('is none where the window was too small to follow the delivery', async () => {
    const window = 4;
    const { says, delivers, acks, figures } = consumer('4.3.0', ['--limits-window-per-channel', String(window)]);
    const tags = Array.from({ length: window + 5 }, (_, i) => i + 1);
    delivers(tags);
    acks(window + 1, 1, window + 3);
    // a second time it is
    acks(window + 1, 2);
    says.broker(refused);
    says.app(closeOk);
    const { 'consume success': success, channel_closed: requeued } = await figures();
    expect({ success, requeued }).toEqual({ success: 1, requeued: window - 1 });
  });
});

describe('a broker that numbers wrongly', () => {
  test.each<[string, (number | Buffer)[]]>([
    ['the same tag again', [1, 1, 2, 2]],
    ['backwards', [5, 4, 3]],
    ['from the largest number there is', [1, LARGEST, LARGEST, 2]],
    ['by numbers that are not exact any more', [2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2]],
    ['none', [0, 0]],
  ])('leaves nothing unsettled for ever: %s', async (_, tags) => {
    const { says, delivers, figures } = consumer();
    delivers(tags);
    says.app(app.ack(1, false), method(1, 60, 80, LARGEST, bits(true)), app.ack(0, true), app.qos(1));
    says.broker(qosOk, method(1, 20, 40, u16(320), short('gone'), u16(0), u16(0)));
    expect((await figures()).unsettled).toBeUndefined();
  });
});

describe('the default limit of deliveries', () => {
  test.each([
    ['3.13.7', nack, { nack: 2 }],
    ['4.2.1', nack, { nack: 1, 'consume delivery_limit': 1 }],
    ['4.2.1', reject, { reject: 1, 'consume delivery_limit': 1 }],
    // there it no longer counts
    ['4.3.0', nack, { nack: 2 }],
    ['4.3.0', reject, { reject: 1, 'consume delivery_limit': 1 }],
  ])('RabbitMQ %s', async (version, back, wanted) => {
    const { says, delivers, figures } = consumer(version);
    delivers([1], 19);
    says.app(back(1));
    delivers([2], 20);
    says.app(back(2));
    expect(await figures()).toEqual(wanted);
  });
});
