import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import {
  bits,
  body,
  entry,
  frame,
  HEADER,
  header,
  heartbeat,
  isMethod,
  method,
  short,
  split,
  string,
  table,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';
import { opened, openOk } from '../identity/by-hand.ts';
import { checkDownstream, checkUpstream } from '../identity/compare.ts';
import { Bench, type Pair } from '../identity/replay.ts';

const BATCH = 100;
const select = (channel: number) => request.confirmSelect(channel, true);
const publish = (channel: number, exchange: string, key: string, mandatory = false): Buffer =>
  method(channel, 60, 40, u16(0), short(exchange), short(key), bits(mandatory, false));
const ack = (channel: number, tag: number, multiple = false) => method(channel, 60, 80, u64(tag), bits(multiple));
const nack = (channel: number, tag: number) => method(channel, 60, 120, u64(tag), bits(false, false));
const selectOk = (channel: number) => method(channel, 85, 11);
const qosOk = (channel: number) => method(channel, 60, 11);
const garbage = Buffer.from('this is no frame at all, and long enough to show it', 'latin1');
const text = (value: string) => Buffer.from(value);
const hex = (bytes: Buffer) => bytes.toString('hex');

/** What an app says, and for each publish whether our mandatory bit has to be on it. */
interface Said {
  bytes: Buffer;
  shadowed?: boolean;
}

const say = (...frames: Buffer[]): Said => ({ bytes: Buffer.concat(frames) });
const shadowed = (...frames: Buffer[]): Said => ({ bytes: Buffer.concat(frames), shadowed: true });

const delayed = method(1, 40, 10, u16(0), short('dly'), short('x-delayed-message'), bits(), table([]));
const unreadable = frame(HEADER, 2, Buffer.concat([u16(60), u16(0), u64(0), u16(0x2000), u32(999)]));
const SCRIPT: Said[] = [
  // with bodies, with and without headers, in one frame and in two
  shadowed(publish(1, 'ex', 'a')),
  say(header(1, 5), body(1, text('he')), body(1, text('llo'))),
  shadowed(publish(1, 'ex', '')),
  say(header(1, 0, [string('k', 'v')])),
  // the app's own
  say(publish(1, 'ex', 'b', true), header(1, 1), body(1, text('x'))),
  // two channels at once, and a heartbeat in between
  shadowed(publish(1, 'ex', 'c')),
  shadowed(publish(2, 'ex', 'd')),
  say(heartbeat(), header(2, 1), header(1, 2), body(1, text('c')), body(2, text('d')), body(1, text('c'))),
  // not to be shadowed: to be delayed, an answer, unreadable
  say(publish(1, 'ex', 'e'), header(1, 1, [entry('x-delay', 'I', u32(7))]), body(1, text('x'))),
  say(delayed, publish(1, 'dly', 'f'), header(1, 0)),
  say(publish(2, '', 'amq.rabbitmq.reply-to.g1h2.AbC='), header(2, 0)),
  say(publish(2, 'ex', 'g'), unreadable),
  // two publishes broken off, by another and by a request
  say(publish(2, 'ex', 'h')),
  shadowed(publish(2, 'ex', 'i')),
  say(header(2, 0)),
  say(publish(2, 'ex', 'j'), method(2, 60, 10, u32(0), u16(1), bits(false))),
];
/** Channels the app put in confirm or tx mode itself. */
const OWN: Said[] = [
  say(request.openChannel(3), request.confirmSelect(3)),
  shadowed(publish(3, 'ex', 'k')),
  say(header(3, 0)),
  say(request.openChannel(4), request.txSelect(4)),
  shadowed(publish(4, 'ex', 'l')),
  say(header(4, 0)),
  // at the very end: a publish broken off by the close of its channel
  say(publish(1, 'ex', 'm'), request.closeChannel(1)),
];
const all = [...SCRIPT, ...OWN];
const app = Buffer.concat(all.map(({ bytes }) => bytes));

/** What must arrive, but for our headers: our bits and our selects in it. */
function expected(mode: 'returns' | 'confirms'): Buffer {
  const selected = new Set([3, 4]);
  const frames: Buffer[] = [];
  for (const { bytes, shadowed } of all) {
    for (const each of split(bytes).frames) {
      const copy = Buffer.from(each);
      const channel = copy.readUInt16BE(1);
      if (isMethod(copy, 60, 40)) {
        if (mode === 'confirms' && !selected.has(channel)) {
          selected.add(channel);
          frames.push(select(channel));
        }
        if (shadowed) copy[copy.length - 2] |= 1;
      }
      frames.push(copy);
    }
  }
  return Buffer.concat(frames);
}

/** By channel: only the order on a channel is a promise. Without the header that nobody can read. */
function byChannel(bytes: Buffer): Buffer {
  const frames = split(bytes).frames.filter((each) => !each.equals(unreadable));
  return Buffer.concat(frames.toSorted((a, b) => a.readUInt16BE(1) - b.readUInt16BE(1)));
}

/** Nobody else's: a client that uses tx is not put in confirm mode on its next connection. */
const nextUser = (): string => String(10_000 + users++);
let users = 0;

async function open(bench: Bench): Promise<Pair> {
  const pair = await bench.open();
  bench.write('app', pair, opened(undefined, nextUser()));
  return pair;
}

/** Many connections whose broker has let them in. */
async function openAll(bench: Bench, count: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) pairs.push(await open(bench));
  await bench.read();
  for (const pair of pairs) bench.write('broker', pair, openOk);
  await bench.read();
  return pairs;
}

describe.each(['returns', 'confirms'] as const)('--loss %s', (mode) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start(['--loss', mode]);
  });
  afterAll(() => bench.stop());

  test('publishes cut at every byte go as they came, but for our bit, our headers and our select', async () => {
    const wanted = byChannel(expected(mode));
    for (let first = 1; first < app.length; first += BATCH) {
      const points = Array.from({ length: Math.min(BATCH, app.length - first) }, (_, i) => first + i);
      const pairs = await openAll(bench, points.length);
      for (const half of [0, 1]) {
        pairs.forEach((pair, i) => {
          bench.write('app', pair, half === 0 ? app.subarray(0, points[i]) : app.subarray(points[i]));
        });
        await bench.read();
      }
      for (const { atBroker } of await Promise.all(pairs.map((pair) => bench.finish(pair)))) {
        const added = checkUpstream(wanted, byChannel(atBroker.subarray(opened().length)));
        expect(added).toEqual({ sent: 11, traceparent: 11 });
        expect(atBroker.includes(unreadable)).toBe(true);
      }
    }
  });

  test('a publish held for its header goes out as it came when the framing is lost', async () => {
    const [pair] = await openAll(bench, 1);
    for (const bytes of [publish(1, 'ex', 'a'), garbage]) {
      bench.write('app', pair, bytes);
      await bench.read();
    }
    const { atBroker } = await bench.finish(pair);
    const selects = mode === 'confirms' ? select(1) : Buffer.alloc(0);
    expect(hex(atBroker.subarray(opened().length))).toBe(hex(Buffer.concat([selects, publish(1, 'ex', 'a'), garbage])));
  });

  test('returns cut at every byte: ours are streamed away, the app’s own come back as it sent them', async () => {
    const sent = Buffer.concat([
      publish(1, 'ex', 'ours'),
      header(1, 3, [string('k', 'v')]),
      body(1, text('abc')),
      publish(1, 'ex', 'theirs', true),
      header(1, 2),
      body(1, text('de')),
      publish(2, 'ex', 'ours'),
      header(2, 0),
      publish(2, 'ex', 'theirs', true),
      header(2, 1, [string('x', 'y')]),
      body(2, text('z')),
    ]);
    const back = (channel: number, key: string) =>
      method(channel, 60, 50, u16(312), short('NO_ROUTE'), short('ex'), short(key));
    /** With the headers as they came to the broker. */
    const said = ([ours1, theirs1, ours2, theirs2]: Buffer[]): Buffer =>
      Buffer.concat([
        qosOk(1),
        back(1, 'ours'),
        ours1,
        body(1, text('a')),
        heartbeat(),
        body(1, text('bc')),
        back(1, 'theirs'),
        back(2, 'ours'),
        ours2,
        theirs1,
        body(1, text('de')),
        back(2, 'theirs'),
        theirs2,
        body(2, text('z')),
        qosOk(2),
      ]);
    const rest = Buffer.concat([
      qosOk(1),
      heartbeat(),
      back(1, 'theirs'),
      header(1, 2),
      body(1, text('de')),
      back(2, 'theirs'),
      header(2, 1, [string('x', 'y')]),
      body(2, text('z')),
      qosOk(2),
    ]);
    for (let first = 1, length = 2; first < length; first += BATCH) {
      const pairs = await openAll(bench, BATCH);
      for (const pair of pairs) bench.write('app', pair, sent);
      await bench.read();
      const scripts: Buffer[] = [];
      for (const { broker } of pairs) {
        const headers = () => split(broker.received).frames.filter((each) => each[0] === HEADER);
        await until(() => headers().length === 4, 'all four have come');
        scripts.push(said(headers()));
      }
      length = scripts[0].length;
      for (const half of [0, 1]) {
        pairs.forEach((pair, i) => {
          const at = Math.min(first + i, length);
          bench.write('broker', pair, half === 0 ? scripts[i].subarray(0, at) : scripts[i].subarray(at));
        });
        await bench.read();
      }
      const arrived = async (pair: Pair): Promise<Buffer> => {
        await until(() => pair.app.count >= openOk.length + rest.length, 'the rest has come');
        return (await bench.finish(pair)).atApp;
      };
      for (const atApp of await Promise.all(pairs.map(arrived))) {
        expect(hex(atApp)).toBe(hex(Buffer.concat([openOk, rest])));
      }
    }
  });

  test('a return held for its header comes to the app as it came when the framing is lost', async () => {
    const [pair] = await openAll(bench, 1);
    const back = method(1, 60, 50, u16(312), short('NO_ROUTE'), short('ex'), short('a'));
    for (const bytes of [back, garbage]) {
      bench.write('broker', pair, bytes);
      await bench.read();
    }
    const { atApp } = await bench.finish(pair);
    checkDownstream(Buffer.concat([openOk, back, garbage]), atApp);
  });
});

describe('--loss confirms', () => {
  let bench: Bench;
  let pair: Pair;
  beforeAll(async () => {
    bench = await Bench.start(['--loss', 'confirms']);
  });
  afterAll(() => bench.stop());

  const message = (channel: number, key: string) => Buffer.concat([publish(channel, 'ex', key), header(channel, 0)]);
  async function from(side: keyof Pair, ...frames: Buffer[]): Promise<void> {
    bench.write(side, pair, Buffer.concat(frames));
    await bench.read();
  }
  const came = (side: keyof Pair): Buffer[] => split(pair[side].received).frames;
  const closeOf = (side: keyof Pair, classId: number): number =>
    came(side).findIndex((f) => isMethod(f, classId, classId === 20 ? 40 : 50));

  test('an app that selects late: tags from 1, what straddles is split, what is ours is kept', async () => {
    [pair] = await openAll(bench, 1);
    await from('app', ...Array.from({ length: 6 }, () => message(1, 'a')));
    await from('broker', ack(1, 1), ack(1, 3));
    await from('app', request.confirmSelect(1), ...Array.from({ length: 6 }, () => message(1, 'b')));
    await from(
      'broker',
      ack(1, 5, true),
      selectOk(1),
      ack(1, 8, true),
      ack(1, 6, true),
      nack(1, 9),
      ack(1, 11),
      ack(1, 12, true),
    );
    await from('app', request.confirmSelect(1), message(1, 'c'));
    await from('broker', selectOk(1), ack(1, 13));
    const wanted = [
      openOk,
      selectOk(1),
      ack(1, 2, true),
      nack(1, 3),
      ack(1, 5),
      ack(1, 6, true),
      selectOk(1),
      ack(1, 7),
    ];
    await until(() => came('app').length >= wanted.length, 'all has come');
    expect(hex(pair.app.received)).toBe(hex(Buffer.concat(wanted)));
    expect(
      came('broker')
        .filter((each) => isMethod(each, 85, 10))
        .map((each) => each[11]),
    ).toEqual([1, 0, 0]);
    await bench.finish(pair);
  });

  test('a close waits for the confirms that only we await, and no longer', async () => {
    [pair] = await openAll(bench, 1);
    await from('app', message(1, 'a'), message(1, 'a'), request.closeChannel(1));
    expect(closeOf('broker', 20)).toBe(-1);
    await from('broker', ack(1, 2, true));
    await until(() => closeOf('broker', 20) > 0, 'the close has come');
    await from('broker', method(1, 20, 41));
    expect(hex(pair.app.received)).toBe(hex(Buffer.concat([openOk, method(1, 20, 41)])));
    await bench.finish(pair);
  });

  test('a broker that does not confirm holds up no close for good: then nobody knows', async () => {
    [pair] = await openAll(bench, 1);
    const unknown = async () =>
      (await bench.sidecar.metrics()).sum('event_unknown_total', { topic: 'ex', reason: 'unconfirmed_at_close' });
    const before = await unknown();
    await from('app', message(1, 'a'), message(2, 'a'), request.closeChannel(1), request.closeConnection());
    await until(() => closeOf('broker', 10) > 0, 'both closes have come');
    expect(closeOf('broker', 20)).toBe(closeOf('broker', 10) - 1);
    await from('broker', method(1, 20, 41), method(0, 10, 51));
    expect((await unknown()) - before).toBe(2);
    await bench.finish(pair);
  });

  test('a close that waited does not cut into what another channel is sending', async () => {
    [pair] = await openAll(bench, 1);
    const large = Buffer.concat([publish(2, 'ex', 'b'), header(2, 5000), body(2, Buffer.alloc(5000, 7))]);
    await from('app', message(1, 'a'), request.closeChannel(1), large.subarray(0, 2000));
    await from('broker', ack(1, 1));
    await from('app', large.subarray(2000, 4000));
    expect(closeOf('broker', 20)).toBe(-1);
    await from('app', large.subarray(4000), message(2, 'c'));
    await until(() => closeOf('broker', 20) > 0, 'the close has come');
    const frames = came('broker');
    const at = closeOf('broker', 20);
    expect([frames[at - 1][0], frames[at - 1].readUInt16BE(1), frames[at - 1].length]).toEqual([3, 2, 5008]);
    expect(frames.slice(at + 1).filter((each) => isMethod(each, 60, 40))).toHaveLength(1);
    expect(split(pair.broker.received).rest).toHaveLength(0);
    await bench.finish(pair);
  });

  test('a broker that closes a channel whose close waits gets the two in the app’s order', async () => {
    [pair] = await openAll(bench, 1);
    await from('app', message(1, 'a'), request.closeChannel(1));
    await from('broker', method(1, 20, 40, u16(404), short('NOT_FOUND'), u16(60), u16(40)));
    await from('app', method(1, 20, 41));
    await until(() => came('broker').some((each) => isMethod(each, 20, 41)), 'the answer has come');
    const closes = came('broker').filter((each) => isMethod(each, 20, 40) || isMethod(each, 20, 41));
    expect(closes.map(hex)).toEqual([hex(request.closeChannel(1)), hex(method(1, 20, 41))]);
    await bench.finish(pair);
  });

  test('a drain waits for these confirms too, and tells the app nothing of them', async () => {
    const own = await Bench.start(['--loss', 'confirms', '--drain-timeout', '50ms']);
    const [one] = await openAll(own, 1);
    own.write('app', one, Buffer.concat([message(1, 'a'), message(1, 'b')]));
    await own.read();
    own.sidecar.signal('SIGTERM');
    await until(() => split(one.app.received).frames.some((each) => isMethod(each, 10, 50)), 'the app is told');
    one.app.socket.write(method(0, 10, 51));
    own.write('broker', one, ack(1, 1));
    own.write('broker', one, nack(1, 2));
    await until(() => split(one.broker.received).frames.some((each) => isMethod(each, 10, 50)), 'the broker is told');
    one.broker.socket.write(method(0, 10, 51));
    await until(() => one.broker.ended, 'the sidecar has hung up');
    for (const end of [one.app, one.broker]) end.socket.end();
    expect(split(one.app.received).frames.map((each) => hex(each.subarray(7, 11)))).toEqual(['000a0029', '000a0032']);
    expect(await own.sidecar.ended()).toBe(0);
    await own.stop();
  });
});
