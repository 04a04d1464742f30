import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { PublishEnded } from '../../src/events/lifecycle.ts';
import { app } from '../../testing/peer-frames.ts';
import { createRig, handshake, type NullSocket } from '../../testing/plane-rig.ts';
import { until } from '../../testing/wait.ts';
import {
  BODY,
  bits,
  body,
  encodeHeader,
  frame,
  HEADER,
  heartbeat,
  METHOD,
  method,
  short,
  u16,
} from '../../testing/wire.ts';

// A fault closes a channel towards both sides. An app that has answered may use the number again at once, before the
// broker has answered too: what it sends there waits until it has, and nothing of it is lost.

const CLOSE_CHANNEL = [{ match: { routingKey: 'struck' }, faults: [{ type: 'close_channel' as const, toxicity: 1 }] }];

/** All written to a socket, frame by frame: headers without what is in them, which is partly ours. */
function framesTo(socket: NullSocket): () => string[] {
  let written = Buffer.alloc(0);
  const write = socket.write.bind(socket);
  socket.write = (bytes, then) => {
    written = Buffer.concat([written, bytes]);
    return write(bytes, then);
  };
  return () => {
    const frames = framesOf(written);
    written = Buffer.alloc(0);
    return frames;
  };
}

function framesOf(bytes: Buffer): string[] {
  const frames: string[] = [];
  for (let p = 0, end = 0; p < bytes.length; p = end) {
    end = p + bytes.readUInt32BE(p + 3) + 8;
    const [type, channel] = [bytes[p], bytes.readUInt16BE(p + 1)];
    if (type === HEADER) frames.push(`${channel} header of ${bytes.readBigUInt64BE(p + 11)}`);
    else if (type === METHOD) frames.push(`${channel} ${bytes.readUInt16BE(p + 7)}.${bytes.readUInt16BE(p + 9)}`);
    else frames.push(`${channel} ${type} ${bytes.subarray(p + 7, end).toString('latin1')}`);
  }
  return frames;
}

const open = (channel: number): Buffer => method(channel, 20, 10, short(''));
const closeOk = (channel: number): Buffer => method(channel, 20, 41);
/** Nobody observes it. */
const flow = (channel: number): Buffer => method(channel, 20, 20, bits(true));
const publishMethod = (channel: number, key: string): Buffer =>
  method(channel, 60, 40, u16(0), short('orders'), short(key), bits(false, false));
const header = (channel: number, size: number): Buffer =>
  encodeHeader({
    channel,
    classId: 60,
    weight: 0,
    bodySize: BigInt(size),
    flags: [0x1000],
    before: Buffer.alloc(0),
    entries: undefined,
    after: Buffer.of(2),
  });
const publish = (channel: number, text: string, key = 'new'): Buffer =>
  Buffer.concat([
    publishMethod(channel, key),
    header(channel, text.length),
    ...(text === '' ? [] : [body(channel, Buffer.from(text))]),
  ]);

/** What the data plane puts off until a chunk is done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Channels that a fault has closed; the app has answered that, the broker has not. */
async function severed(channels: number[]) {
  const rig = createRig({ args: ['--loss', 'off'], env: { OTEL_TRACES_SAMPLER: 'always_on' }, rules: CLOSE_CHANNEL });
  handshake(rig);
  const toBroker = framesTo(rig.broker);
  const toApp = framesTo(rig.app);
  for (const channel of channels) {
    if (channel !== 1) rig.app.receive(open(channel));
    rig.app.receive(publish(channel, 'x', 'struck'));
    await settled();
    rig.app.receive(closeOk(channel));
  }
  expect(toApp()).toEqual(channels.map((channel) => `${channel} 20.40`));
  expect(toBroker().filter((each) => each.endsWith(' 20.40'))).toEqual(channels.map((channel) => `${channel} 20.40`));
  rig.events();
  return {
    ...rig,
    toBroker,
    toApp,
    /** The broker answers our close. */
    async lets(channel: number) {
      rig.broker.receive(closeOk(channel));
      await settled();
    },
    /** Body sizes and outcomes of what was published since, by channel. */
    ended: () =>
      rig
        .events()
        .filter((event): event is PublishEnded => event.type === 'publish.ended')
        .map(({ channel, outcome, bodySize }) => [channel, outcome, bodySize]),
  };
}

/** `bytes` as chunks of these sizes, over and over. */
function cut(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) {
    chunks.push(bytes.subarray(at, at + sizes[i % sizes.length]));
  }
  return chunks;
}

test('a publish behind the channel.open on a number that is not free yet is passed on then, and counted once', async () => {
  const { app: from, toBroker, lets, ended } = await severed([1]);
  from.receive(Buffer.concat([open(1), publish(1, 'hello')]));
  expect(toBroker()).toEqual([]);
  await lets(1);
  expect(toBroker()).toEqual(framesOf(Buffer.concat([open(1), publish(1, 'hello')])));
  expect(ended()).toEqual([[1, 'success', 5]]);
});

test('an open says as much as the answer to our close', async () => {
  const rig = createRig({ args: ['--loss', 'off'], rules: CLOSE_CHANNEL });
  handshake(rig);
  rig.app.receive(publish(1, 'x', 'struck'));
  await settled();
  const toBroker = framesTo(rig.broker);
  rig.app.receive(method(1, 20, 40, u16(200), short(''), u16(0), u16(0)));
  rig.app.receive(open(1));
  rig.broker.receive(closeOk(1));
  await settled();
  expect(toBroker()).toEqual(['1 20.10']);
});

test('the end of a publish without a body lets our close go before the answer to it', async () => {
  const rig = createRig({ args: ['--loss', 'off'], rules: CLOSE_CHANNEL });
  handshake(rig);
  const toBroker = framesTo(rig.broker);
  // another publish has begun when the fault is carried out
  rig.app.receive(Buffer.concat([publish(1, 'x', 'struck'), publishMethod(1, 'new')]));
  await settled();
  rig.app.receive(Buffer.concat([header(1, 0), closeOk(1), open(1), publish(1, 'hello')]));
  expect(toBroker()).toEqual(['1 60.40', '1 header of 0', '1 20.40']);
  rig.broker.receive(closeOk(1));
  await settled();
  expect(toBroker()).toEqual(framesOf(Buffer.concat([open(1), publish(1, 'hello')])));
});

describe('whatever comes on such numbers, however it is cut', () => {
  const channel = fc.constantFrom(1, 2, 3);
  const frames = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(channel, fc.nat(300)).map(([id, size]) => [publish(id, 'x'.repeat(size))]) },
    { weight: 1, arbitrary: channel.map((id) => [flow(id)]) },
    { weight: 1, arbitrary: channel.map((id) => [method(id, 85, 10, bits(true))]) },
    // content of two channels by turns
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        [publishMethod(1, 'new'), publishMethod(2, 'new'), header(2, 3), header(1, 4)].concat([
          body(1, Buffer.from('ab')),
          body(2, Buffer.from('cde')),
          body(1, Buffer.from('fg')),
        ]),
        [heartbeat()],
      ),
    },
  );

  test('each channel gets all of it in order, and each publish counts once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(frames, { minLength: 1, maxLength: 15 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
        fc.shuffledSubarray([1, 2], { minLength: 2 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 2 }),
        async (list, sizes, order, when) => {
          const { app: from, toBroker, lets, ended } = await severed([1, 2]);
          const sent = Buffer.concat([open(1), open(2), open(3), ...list.flat()]);
          const chunks = cut(sent, sizes);
          const turns = when.sort().map((share) => Math.floor(share * chunks.length));
          for (let i = 0; i <= chunks.length; i++) {
            for (let n = 0; n < order.length; n++) if (turns[n] === i) await lets(order[n]);
            if (i < chunks.length) from.receive(Buffer.from(chunks[i]));
          }
          const passed = toBroker();
          const all = framesOf(sent);
          const of = (id: number) => (each: string) => each.startsWith(`${id} `);
          for (const id of [0, 1, 2, 3]) expect(passed.filter(of(id))).toEqual(all.filter(of(id)));
          // those under confirms have no outcome yet
          const confirmed = all.some((each) => each.endsWith(' 85.10'));
          const published = all.filter((each) => each.endsWith(' 60.40')).length;
          const { length } = ended();
          if (confirmed) expect(length).toBeLessThanOrEqual(published);
          else expect(length).toBe(published);
        },
      ),
      { numRuns: 100, interruptAfterTimeLimit: 60_000 },
    );
  });
});

describe('more than there is room for', () => {
  test('is not read until the number is free', async () => {
    const { app: from, toBroker, lets, ended } = await severed([1, 2]);
    const [pause, resume] = [vi.spyOn(from, 'pause'), vi.spyOn(from, 'resume')];
    const sent = [open(1), open(2), ...Array.from({ length: 8 }, (_, i) => publish(1 + (i % 2), 'x'.repeat(10_000)))];
    for (const each of sent) from.receive(Buffer.from(each));
    expect(pause).toHaveBeenCalled();
    expect(resume).not.toHaveBeenCalled();
    await lets(2);
    expect(resume).toHaveBeenCalled();
    await lets(1);
    expect(toBroker().sort()).toEqual(framesOf(Buffer.concat(sent)).sort());
    expect(ended()).toHaveLength(8);
  });

  test('may be a part of one frame', async () => {
    const { app: from, toBroker, lets, ended } = await severed([1]);
    const resume = vi.spyOn(from, 'resume');
    const sent = Buffer.concat([open(1), publish(1, 'x'.repeat(100_000)), publish(1, 'y')]);
    const [first, rest] = [sent.subarray(0, 80_000), sent.subarray(80_000)];
    from.receive(Buffer.from(first));
    expect(resume).not.toHaveBeenCalled();
    await lets(1);
    expect(resume).toHaveBeenCalled();
    from.receive(Buffer.from(rest));
    expect(toBroker()).toEqual(framesOf(sent));
    expect(ended()).toEqual([
      [1, 'success', 100_000],
      [1, 'success', 1],
    ]);
  });
});

test('a close of the connection goes behind what waits', async () => {
  const { app: from, toBroker, lets, ended } = await severed([1]);
  const sent = Buffer.concat([open(1), publish(1, 'hello'), Buffer.from(app.close)]);
  from.receive(Buffer.from(sent));
  expect(toBroker()).toEqual([]);
  await lets(1);
  expect(toBroker()).toEqual(framesOf(sent));
  expect(ended()).toEqual([[1, 'success', 5]]);
});

test('the end of the app’s side goes behind what waits', async () => {
  const { app: from, broker, toBroker, lets } = await severed([1]);
  const end = vi.spyOn(broker, 'end');
  const sent = Buffer.concat([open(1), publish(1, 'hello')]);
  from.receive(Buffer.from(sent));
  from.emit('end');
  expect(end).not.toHaveBeenCalled();
  await lets(1);
  expect(toBroker()).toEqual(framesOf(sent));
  expect(end).toHaveBeenCalled();
});

test('what waits is not lost when the connection becomes a plain pipe', async () => {
  const { app: from, toBroker } = await severed([1]);
  const whole = Buffer.concat([open(1), publish(1, 'hello')]);
  const broken = frame(BODY, 1, Buffer.from('a'));
  broken[broken.length - 1] = 0;
  from.receive(Buffer.concat([whole, broken]));
  expect(toBroker()).toEqual(framesOf(Buffer.concat([whole, broken])));
});

/** long enough that a busy machine sees what comes before it is over */
const LATE_MS = 2000;

describe('towards a broker that reads nothing of a closed channel', () => {
  const rules = [
    { match: { routingKey: 'struck' }, faults: [{ type: 'close_channel' as const, toxicity: 1 }] },
    {
      match: { routingKey: 'overtaken' },
      faults: [{ type: 'reorder' as const, toxicity: 1, attributes: { distance: 10, wait: 3_600_000 } }],
    },
    {
      match: { routingKey: 'late' },
      faults: [{ type: 'latency' as const, toxicity: 1, attributes: { latency: LATE_MS } }],
    },
  ];
  const start = () => {
    const rig = createRig({ args: ['--loss', 'off'], rules });
    handshake(rig);
    return { ...rig, toBroker: framesTo(rig.broker) };
  };

  test('our close goes behind the publishes that were to be overtaken', async () => {
    const { app: from, toBroker } = start();
    from.receive(Buffer.concat([publish(1, 'first', 'overtaken'), publish(1, 'lost', 'struck')]));
    await settled();
    expect(toBroker()).toEqual([...framesOf(publish(1, 'first')), '1 20.40']);
  });

  test('our answer to its close goes behind ours, however late that is', async () => {
    const { app: from, broker, toBroker } = start();
    from.receive(Buffer.concat([publish(1, 'first', 'late'), publish(1, 'lost', 'struck')]));
    await settled();
    broker.receive(method(1, 20, 40, u16(404), short('NOT_FOUND'), u16(50), u16(10)));
    await settled();
    expect(toBroker()).toEqual([]);
    const all = framesOf(publish(1, 'first'));
    const written: string[] = [];
    await until(() => written.push(...toBroker()) >= all.length + 2, 'all has left');
    expect(written).toEqual([...all, '1 20.40', '1 20.41']);
  });
});
