import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import {
  AMQP_1_0,
  AMQP_1_0_SASL,
  body,
  frame,
  HEADER,
  header,
  method,
  PROTOCOL,
  short,
  string,
  table,
  u16,
  u64,
} from '../../testing/wire.ts';
import { opened, openOk, publish, returned } from './by-hand.ts';
import { checkUpstream } from './compare.ts';
import { Bench, type Pair } from './replay.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start();
});
afterAll(() => bench.stop());

/** Counters of what was not understood, by metric and reason, as far as they grew in the test. */
let before: Map<string, number>;
async function counters(): Promise<Map<string, number>> {
  const metrics = await bench.sidecar.metrics();
  const names = ['tracehare_bypassed_connections_total', 'tracehare_unobserved_total'];
  const samples = names.flatMap((name) => metrics.matching(name));
  return new Map(samples.map(({ name, labels, value }) => [`${name.split('_')[1]} ${labels.reason}`, value]));
}
async function grown(): Promise<Record<string, number>> {
  const grew = [...(await counters())].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(grew.filter(([, value]) => value !== 0));
}
beforeEach(async () => {
  before = await counters();
});

let pair: Pair;
beforeEach(async () => {
  pair = await bench.open();
});
afterEach(() => {
  pair.app.socket.destroy();
  pair.broker.socket.destroy();
});

/** Writes in turn, each as a chunk of its own. */
async function say(from: keyof Pair, ...chunks: Buffer[]): Promise<void> {
  for (const chunk of chunks) {
    bench.write(from, pair, chunk);
    await bench.read();
  }
}
const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('a connection that does not speak AMQP 0-9-1', () => {
  test.each([
    ['AMQP 1.0', AMQP_1_0],
    ['AMQP 1.0 with SASL', AMQP_1_0_SASL],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['TLS', Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196])],
    ['nothing known', randomBytes(100_000)],
    ['almost AMQP', Buffer.from('AMQP\0\0\x09\x02', 'latin1')],
  ])('is a plain pipe, both ways, and counted: %s', async (_, opening) => {
    const [question, answer] = [randomBytes(200_000), randomBytes(200_000)];
    await say('app', opening.subarray(0, 3), opening.subarray(3));
    await say('broker', opening, answer);
    await say('app', question, publish(), header(1, 0));
    const { atBroker, atApp } = await bench.finish(pair);
    expect(hex(atBroker)).toBe(hex(Buffer.concat([opening, question, publish(), header(1, 0)])));
    expect(hex(atApp)).toBe(hex(Buffer.concat([opening, answer])));
    expect(await grown()).toEqual({ 'bypassed unknown_protocol': 1, 'unobserved unknown_protocol': 1 });
  });

  test('is a plain pipe too where only the broker refuses', async () => {
    await say('app', PROTOCOL);
    await say('broker', AMQP_1_0);
    await say('app', publish());
    const { atBroker, atApp } = await bench.finish(pair);
    expect([hex(atBroker), hex(atApp)]).toEqual([hex(Buffer.concat([PROTOCOL, publish()])), hex(AMQP_1_0)]);
    expect(await grown()).toEqual({ 'bypassed unknown_protocol': 1, 'unobserved unknown_protocol': 1 });
  });
});

describe('framing that is lost midway', () => {
  const garbage = Buffer.from('this is no frame at all, and long enough to show it', 'latin1');

  test('in what the app sends: what was injected before stays, all after it is raw', async () => {
    const good = Buffer.concat([publish(), header(1, 3), body(1, Buffer.from('abc'))]);
    const bad = Buffer.concat([garbage, publish(), header(1, 0)]);
    await bench.letIn(pair);
    await say('app', Buffer.concat([good, bad]));
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker.subarray(-bad.length))).toBe(hex(bad));
    expect(checkUpstream(good, atBroker.subarray(opened().length, -bad.length)).sent).toBe(1);
    expect(await grown()).toEqual({ 'bypassed frame_error': 1, 'unobserved frame_error': 1 });
  });

  test('while the other side holds the start of a frame: both directions keep their own bytes', async () => {
    const good = Buffer.concat([publish(), header(1, 3), body(1, Buffer.from('abc'))]);
    const deliver = method(1, 60, 60, short('tag'), u64(1), Buffer.of(0), short('ex'), short('key'));
    await bench.letIn(pair);
    await say('broker', deliver.subarray(0, 20));
    expect(pair.app.count).toBe(openOk.length);
    await say('app', Buffer.concat([good, garbage]));
    await say('broker', deliver.subarray(20));
    const { atBroker, atApp } = await bench.finish(pair);
    expect(hex(atApp)).toBe(hex(Buffer.concat([openOk, deliver])));
    expect(hex(atBroker.subarray(-garbage.length))).toBe(hex(garbage));
    expect(checkUpstream(good, atBroker.subarray(opened().length, -garbage.length)).sent).toBe(1);
  });

  test('in what the broker sends, while the start of a publish is held: both directions keep their own bytes', async () => {
    await bench.letIn(pair);
    await say('app', Buffer.concat([publish(1, 'key', true), header(1, 0)]));
    const sent = pair.broker.received.subarray(opened().length + publish().length);
    await say('app', publish().subarray(0, 15));
    await say('broker', Buffer.concat([returned(), sent, garbage]));
    await say('app', publish().subarray(15));
    const { atBroker, atApp } = await bench.finish(pair);
    expect(hex(atApp)).toBe(hex(Buffer.concat([openOk, returned(), header(1, 0), garbage])));
    expect(hex(atBroker.subarray(-publish().length))).toBe(hex(publish()));
    expect(await grown()).toEqual({ 'bypassed frame_error': 1, 'unobserved frame_error': 1 });
  });

  test('a frame that is never completed comes out when the connection is given up', async () => {
    await say('app', Buffer.concat([opened(), publish().subarray(0, 15)]));
    await say('broker', garbage);
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker)).toBe(hex(Buffer.concat([opened(), publish().subarray(0, 15)])));
  });
});

describe('what can not be read on a connection that can', () => {
  const table = (bytes: number[]) =>
    frame(HEADER, 1, Buffer.concat([header(1, 0, []).subarray(7, -5), Buffer.from(bytes)]));
  const contents: [string, Buffer][] = [
    ['a table longer than its frame', table([0, 0, 9, 9, 1, 97])],
    ['an unknown field type', table([0, 0, 0, 3, 1, 97, 85])],
    ['a key longer than its table', table([0, 0, 0, 2, 200, 97])],
    ['a header of nothing', frame(HEADER, 1, Buffer.alloc(0))],
    ['a header without flags', frame(HEADER, 1, header(1, 0).subarray(7, 19))],
  ];
  test.each(contents)('content with %s passes raw and is counted, the next is traced', async (_, bad) => {
    const app = Buffer.concat([opened(), publish(), bad]);
    const good = Buffer.concat([publish(), header(1, 0)]);
    await bench.letIn(pair);
    await say('app', Buffer.concat([publish(), bad]), good);
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker.subarray(0, app.length))).toBe(hex(app));
    expect(checkUpstream(good, atBroker.subarray(app.length)).sent).toBe(1);
    expect(await grown()).toEqual({ 'unobserved malformed_content': 1 });
  });

  const args = (classId: number, methodId: number, ...bytes: number[]) =>
    method(1, classId, methodId, Buffer.from(bytes));
  const methodsFromApp: [string, Buffer][] = [
    ['basic.publish', args(60, 40, 0, 0, 3, 97)],
    ['basic.publish without its bits', args(60, 40, 0, 0, 1, 97, 1, 98)],
    ['basic.ack', args(60, 80, 0, 0, 0, 0, 0, 0, 0, 1)],
    ['basic.nack', args(60, 120)],
    ['basic.reject', args(60, 90, 0)],
    ['queue.declare', args(50, 10, 0, 0, 9, 97)],
    ['basic.consume', args(60, 20, 0)],
    ['confirm.select', args(85, 10)],
  ];
  test.each(methodsFromApp)(
    '%s of an app, cut short, passes raw and is counted, the next message is traced',
    async (_, bad) => {
      const app = Buffer.concat([opened(), bad]);
      const good = Buffer.concat([publish(), header(1, 0)]);
      await bench.letIn(pair);
      await say('app', bad, good);
      const { atBroker } = await bench.finish(pair);
      expect(hex(atBroker.subarray(0, app.length))).toBe(hex(app));
      expect(checkUpstream(good, atBroker.subarray(app.length)).sent).toBe(1);
      expect(await grown()).toEqual({ 'unobserved malformed_method': 1 });
    },
  );

  test('connection.tune-ok of an app, cut short, passes raw and is counted, the next message is traced', async () => {
    const bad = method(0, 10, 31, u16(1));
    const good = Buffer.concat([publish(), header(1, 0)]);
    const login = Buffer.concat([PROTOCOL, bad, opened().subarray(PROTOCOL.length)]);
    await say('app', login);
    await say('broker', openOk);
    await say('app', good);
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker.subarray(0, login.length))).toBe(hex(login));
    expect(checkUpstream(good, atBroker.subarray(login.length)).sent).toBe(1);
    expect(await grown()).toEqual({ 'unobserved malformed_method': 1 });
  });

  const methodsFromBroker: [string, Buffer][] = [
    ['basic.deliver', args(60, 60, 5, 97)],
    ['basic.deliver to nobody', method(1, 60, 60, short('tag'), u64(1), Buffer.of(0), short(''), short('q'))],
    ['basic.return', args(60, 50, 1, 56, 9)],
    ['basic.ack', args(60, 80, 0, 0, 1)],
    ['channel.close', args(20, 40, 0)],
    ['connection.close', method(0, 10, 50, Buffer.of(1))],
  ];
  test.each(methodsFromBroker)('%s of a broker, cut short, passes raw and is counted', async (_, bad) => {
    await bench.letIn(pair);
    // a channel that the app has used
    await say('app', publish(), header(1, 0));
    await say('broker', bad);
    const { atApp } = await bench.finish(pair);
    expect(hex(atApp)).toBe(hex(Buffer.concat([openOk, bad])));
    expect(await grown()).toEqual({ 'unobserved malformed_method': 1 });
  });

  test('methods that only a broker sends, from an app: pass, and the channel is read on', async () => {
    const odd = [
      args(50, 11, 1, 97, ...Array(8).fill(0)),
      args(60, 71, ...Array(15).fill(0)),
      args(85, 11),
      method(5, 10, 31),
    ];
    const app = Buffer.concat([...odd, args(85, 10, 0), publish(), header(1, 0, [string('a', 'b')])]);
    await bench.letIn(pair);
    await say('app', app);
    await say('broker', args(85, 11), args(60, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0));
    const { atBroker } = await bench.finish(pair);
    expect(checkUpstream(app, atBroker.subarray(opened().length)).sent).toBe(1);
    expect(await grown()).toEqual({});
  });
});

describe('a last frame that does not come whole', () => {
  const cuts: [string, Buffer][] = [
    ['a head', publish().subarray(0, 3)],
    ['a method', publish().subarray(0, 20)],
    ['a content header', header(1, 3).subarray(0, 12)],
    ['a body', body(1, Buffer.from('abc')).subarray(0, 9)],
    ['a method nobody observes', method(0, 10, 21, Buffer.alloc(20)).subarray(0, 15)],
  ];
  test.each(cuts)('%s of an app that ends its side reaches the broker', async (_, rest) => {
    await bench.letIn(pair);
    const before = Buffer.concat([publish(), header(1, 0)]);
    await say('app', before, rest);
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker.subarray(-rest.length))).toBe(hex(rest));
    expect(checkUpstream(before, atBroker.subarray(opened().length, -rest.length)).sent).toBe(1);
  });

  test.each(cuts)('%s of a broker that ends its side reaches the app', async (_, rest) => {
    await bench.letIn(pair);
    await say('broker', rest);
    pair.broker.socket.end();
    await until(() => pair.app.ended, 'the app sees the end');
    expect(hex(pair.app.received)).toBe(hex(Buffer.concat([openOk, rest])));
  });
});

describe('a frame that is larger than the two sides have agreed on', () => {
  const LARGE = 10_000;
  const frames: [string, Buffer][] = [
    ['method', method(1, 50, 10, u16(0), short('queue'), Buffer.of(0), table([string('x', 'y'.repeat(LARGE))]))],
    ['content header', header(1, 3, [string('x', 'y'.repeat(LARGE))])],
  ];
  test.each(frames)('a %s of an app goes on as it comes: the broker can refuse it by its head', async (_, large) => {
    await bench.letIn(pair, 4096);
    await say('app', publish(), large.subarray(0, 11));
    await until(() => pair.broker.received.subarray(-11).equals(large.subarray(0, 11)), 'its head has passed');
    const close = method(0, 10, 50, u16(501), short('FRAME_ERROR'), u16(0), u16(0));
    await say('broker', close);
    await say('app', large.subarray(11), method(0, 10, 51));
    const { atBroker, atApp } = await bench.finish(pair);
    expect(hex(atApp)).toBe(hex(Buffer.concat([openOk, close])));
    const said = Buffer.concat([publish(), large, method(0, 10, 51)]);
    expect(hex(atBroker.subarray(-said.length))).toBe(hex(said));
    const ended = { by: 'broker', code: '501' };
    await until(
      async () => ((await bench.sidecar.metrics()).value('tracehare_connections_closed_total', ended) ?? 0) > 0,
      'it is told why the connection ended',
    );
    expect(await grown()).toEqual({});
  });

  test('from a broker goes on as it comes, and what follows is read', async () => {
    const [, large] = frames[1];
    const deliver = method(1, 60, 60, short('tag'), u64(1), Buffer.of(0), short('ex'), short('key'));
    const consumed = method(1, 60, 21, short('tag'));
    await bench.letIn(pair, 4096);
    await say('app', method(1, 60, 20, u16(0), short('q'), short('tag'), Buffer.of(0), table([])));
    await say('broker', consumed, deliver, large.subarray(0, 11));
    expect(pair.app.received.subarray(-11).equals(large.subarray(0, 11))).toBe(true);
    await say(
      'broker',
      Buffer.concat([
        large.subarray(11),
        body(1, Buffer.from('lost')),
        deliver,
        header(1, 3),
        body(1, Buffer.from('abc')),
      ]),
    );
    const metrics = await bench.sidecar.metrics();
    expect(metrics.sum('event_bytes_total', { topic: 'ex', side: 'consume' })).toBe(3);
    expect(await grown()).toEqual({});
  });

  test('is as large as the broker takes it when it is only the head and the end that are beyond', async () => {
    const fitting = header(1, 0, [string('x', '')]);
    const whole = header(1, 0, [string('x', 'y'.repeat(4096 + 8 - fitting.length))]);
    await bench.letIn(pair, 4096);
    await say('app', publish(), whole.subarray(0, 1000), whole.subarray(1000));
    const { atBroker } = await bench.finish(pair);
    expect(hex(atBroker.subarray(-whole.length))).toBe(hex(whole));
    expect(await grown()).toEqual({ 'unobserved frame_max': 1 });
  });
});
