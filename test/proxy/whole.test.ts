import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRig, handshake, type NullSocket, type Rig, type RigOptions } from '../../bench/micro/plane.ts';
import { broker } from '../../bench/wire.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/metrics/exposition/exposition.ts';
import { textOf } from '../metrics/rig.ts';
import {
  bits,
  body,
  type Entry,
  encodeHeader,
  entry,
  HEARTBEAT,
  heartbeat,
  METHOD,
  method,
  short,
  string,
  u8,
  u16,
  u64,
} from '../support/wire.ts';

// Messages that lie whole in a chunk take a shorter way through the data plane than those that come in
// pieces. What passes, what is counted and what is told must not depend on it.

const PUBLISH = 0x3c0028;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0';
const HEADERS: Record<string, Entry[] | undefined> = {
  none: undefined,
  empty: [],
  own: [string('x-order', 'of the app'), entry('nothing', 'V', Buffer.alloc(0))],
  lookalike: [string('traceparenX', 'a'), string('x-tracehare-senT', 'b'), string('x-deatH', 'c')],
  unsampled: [string('traceparent', `${TRACEPARENT}0`)],
  sampled: [string('traceparent', `${TRACEPARENT}1`), string('tracestate', 'a=b')],
  invalid: [string('tracestate', 'a=b'), string('traceparent', 'nonsense'), string('behind', 'it')],
  stamped: [entry('x-tracehare-sent', 'l', u64((Date.now() - 5000) * 1000)), string('traceparent', `${TRACEPARENT}0`)],
  delayed: [entry('x-delay', 'I', Buffer.alloc(4))],
  dead: [
    entry(
      'x-death',
      'A',
      Buffer.from('\0\0\0\x25F\0\0\0\x20\x05queueS\0\0\0\x04jobs\x06reasonS\0\0\0\x07expired', 'latin1'),
    ),
  ],
  malformed: [entry('what', '?', Buffer.alloc(3))],
};

interface Content {
  channel: number;
  exchange: string;
  routingKey: string;
  size: number;
  frames: number;
  headers: string;
  type: string;
}

const contents: fc.Arbitrary<Content> = fc.record({
  channel: fc.constantFrom(1, 1, 1, 2),
  exchange: fc.constantFrom('', 'orders', 'orders'),
  routingKey: fc.constantFrom('a', 'b', 'a.longer.routing.key'),
  size: fc.oneof(fc.constantFrom(0, 1, 100), fc.nat(300)),
  frames: fc.integer({ min: 1, max: 3 }),
  headers: fc.constantFrom('none', 'empty', ...Object.keys(HEADERS)),
  type: fc.constantFrom('', 'text/plain'),
});

function content({ channel, size, frames, headers, type }: Content): Buffer {
  const entries = HEADERS[headers];
  const header = encodeHeader({
    channel,
    classId: 60,
    weight: 0,
    bodySize: BigInt(size),
    flags: [(type === '' ? 0 : 0x8000) | (entries === undefined ? 0 : 0x2000) | 0x1000],
    before: type === '' ? Buffer.alloc(0) : short(type),
    entries,
    after: u8(2),
  });
  const bodies: Buffer[] = [];
  for (let at = 0; at < size; at += Math.ceil(size / frames)) {
    bodies.push(body(channel, Buffer.alloc(Math.min(Math.ceil(size / frames), size - at), 0x78)));
  }
  return Buffer.concat([header, ...bodies]);
}

const publishes = fc
  .tuple(contents, fc.constantFrom(false, false, true))
  .map(([each, mandatory]) =>
    Buffer.concat([
      method(each.channel, 60, 40, u16(0), short(each.exchange), short(each.routingKey), bits(mandatory, false)),
      content(each),
    ]),
  );
const acks = fc
  .tuple(fc.constantFrom(1, 2), fc.nat(20), fc.boolean())
  .map(([channel, tag, multiple]) => method(channel, 60, 80, u64(tag), bits(multiple)));
const others = fc.constantFrom(
  heartbeat(),
  method(1, 60, 10, Buffer.alloc(4), u16(10), bits(false)),
  // a publish that the app breaks off, and a content header that nobody announced
  method(1, 60, 40, u16(0), short('orders'), short('a'), bits(false, false)),
  content({ channel: 2, exchange: '', routingKey: '', size: 3, frames: 1, headers: 'none', type: '' }),
);
const fromApp = fc.array(fc.oneof({ weight: 6, arbitrary: publishes }, { weight: 2, arbitrary: acks }, others), {
  maxLength: 30,
});
const deliveries = fc.tuple(
  contents,
  fc.constantFrom('c1', 'c1', 'another-consumer'),
  fc.constantFrom(false, false, true),
);

/** Tags grow by channel, as a broker's do. */
function fromBroker(list: [Content, string, boolean][]): Buffer[] {
  const tags = [0, 0, 0];
  return list.map(([each, consumer, redelivered]) =>
    Buffer.concat([
      method(
        each.channel,
        60,
        60,
        short(consumer),
        u64(++tags[each.channel]),
        bits(redelivered),
        short(each.exchange),
        short(each.routingKey),
      ),
      content(each),
    ]),
  );
}

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;

/** What a broker that has no queue sends back of what it got: every publish that asks for it. */
function returned(written: Buffer): Buffer[] {
  const returns: Buffer[] = [];
  /** by channel: frames so far, and body bytes still to come; -1: the header is */
  const open = new Map<number, { frames: Buffer[]; left: number }>();
  for (let p = 0, end = 0; p < written.length; p = end) {
    end = p + written.readUInt32BE(p + 3) + 8;
    const each = written.subarray(p, end);
    const channel = each.readUInt16BE(1);
    const message = open.get(channel);
    if (each[0] === METHOD) {
      open.delete(channel);
      const isMandatory = (each[each.length - 2] & 1) !== 0;
      if (each.readUInt32BE(7) !== PUBLISH || !isMandatory) continue;
      const names = each.subarray(13, -2);
      open.set(channel, { frames: [method(channel, 60, 50, u16(312), short('NO_ROUTE'), names)], left: -1 });
    } else if (message !== undefined && each[0] !== HEARTBEAT) {
      message.frames.push(each);
      message.left = message.left < 0 ? Number(each.readBigUInt64BE(11)) : message.left - (each.length - 8);
      if (message.left > 0) continue;
      open.delete(channel);
      returns.push(Buffer.concat(message.frames));
    }
  }
  return returns;
}

interface Outcome {
  bytes: string;
  returned: string;
  counted: string[];
  told: string[];
}

/** Everything that has passed, as one text; ids and times of ours blanked, the bit that says who asked kept. */
function masked(written: Buffer[]): string {
  return Buffer.concat(written)
    .toString('latin1')
    .replace(/(traceparentS\0\0\0\x3700-)([0-9a-f]{32}-[0-9a-f]{16})/g, (all, head, ids) =>
      TRACEPARENT.includes(ids) ? all : `${head}${'0'.repeat(ids.length)}`,
    )
    .replace(/x-tracehare-sentl[\s\S]{8}/g, (all) => `${all.slice(0, -8)}${all.charCodeAt(all.length - 1) & 1}`);
}

/** Times differ from run to run; how often something was observed does not. */
const timeless = (line: string): boolean =>
  /^(tracehare|messaging)_/.test(line) &&
  !/_bucket|_seconds_sum|_duration_seconds_sum|added_latency|relay|scrape|build/.test(line);

const VOLATILE = new Set(['at', 'startedAt', 'endedAt', 'traceId', 'spanId', 'latency', 'client']);

async function pass(
  side: 'app' | 'broker',
  options: RigOptions,
  chunks: Buffer[],
  prepare: (rig: Rig) => void,
): Promise<Outcome> {
  const rig = createRig(options);
  const exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  const detach = exposition.attach(rig.cells);
  handshake(rig);
  rig.app.receive(method(2, 20, 10, short('')));
  rig.broker.receive(method(2, 20, 11, Buffer.alloc(4)));
  prepare(rig);
  rig.events();
  const to: NullSocket = side === 'app' ? rig.broker : rig.app;
  const written: Buffer[] = [];
  const write = to.write.bind(to);
  to.write = (bytes, then) => {
    written.push(Buffer.from(bytes));
    return write(bytes, then);
  };
  for (const chunk of chunks) {
    rig[side].receive(Buffer.from(chunk));
  }
  const passed = written.splice(0);
  if (side === 'app') {
    rig.app.write = (bytes) => written.push(Buffer.from(bytes)) > 0;
    for (const each of returned(Buffer.concat(passed))) rig.broker.receive(each);
  }
  rig.pass(2000);
  // in an order of their own: what passes ends with its chunk
  const told = rig
    .events()
    .map((event) => JSON.stringify(Object.entries(event).filter(([key]) => !VOLATILE.has(key))))
    .sort();
  const text = await textOf(exposition.render());
  detach();
  rig.cells.close();
  return { bytes: masked(passed), returned: masked(written), counted: text.split('\n').filter(timeless), told };
}

/** Pieces that no frame of a message fits into. */
function crumbs(frames: Buffer[]): Buffer[] {
  const all = Buffer.concat(frames);
  return Array.from({ length: Math.ceil(all.length / 7) }, (_, i) => all.subarray(i * 7, i * 7 + 7));
}

const rules = ['--pipeline', 'p'];
const modes = fc.record({
  loss: fc.constantFrom('off', 'returns', 'confirms'),
  sampler: fc.constantFrom('parentbased_always_off', 'always_on', 'always_off'),
  confirms: fc.boolean(),
});

describe('what passes, counts and is told is the same in one piece and in crumbs', () => {
  test('of publishes, acks and whatever lies between them', async () => {
    await fc.assert(
      fc.asyncProperty(modes, fromApp, async ({ loss, sampler, confirms }, frames) => {
        const options = { args: ['--loss', loss, ...rules], env: { OTEL_TRACES_SAMPLER: sampler } };
        const prepare = (rig: Rig): void => {
          rig.app.receive(method(2, 60, 20, u16(0), short('jobs'), short('c1'), bits(false), Buffer.alloc(4)));
          rig.broker.receive(method(2, 60, 21, short('c1')));
          for (const delivery of fromBroker(Array.from({ length: 12 }, () => [SOME, 'c1', false])))
            rig.broker.receive(delivery);
          if (confirms) {
            rig.app.receive(method(1, 85, 10, bits(false)));
            rig.broker.receive(broker.confirmSelectOk);
          }
        };
        const whole = await pass('app', options, [Buffer.concat(frames)], prepare);
        expect(whole).toEqual(await pass('app', options, crumbs(frames), prepare));
      }),
      { numRuns: 300 },
    );
  });

  test('of deliveries', async () => {
    await fc.assert(
      fc.asyncProperty(
        modes,
        fc.boolean(),
        fc.array(deliveries, { maxLength: 30 }),
        async ({ sampler }, noAck, list) => {
          const options = { args: rules, env: { OTEL_TRACES_SAMPLER: sampler } };
          const prepare = (rig: Rig): void => {
            for (const channel of [1, 2]) {
              for (const tag of ['c1', 'another-consumer']) {
                rig.app.receive(
                  method(channel, 60, 20, u16(0), short('jobs'), short(tag), bits(false, noAck), Buffer.alloc(4)),
                );
                rig.broker.receive(method(channel, 60, 21, short(tag)));
              }
            }
          };
          const frames = fromBroker(list);
          const whole = await pass('broker', options, [Buffer.concat(frames)], prepare);
          expect(whole).toEqual(await pass('broker', options, crumbs(frames), prepare));
        },
      ),
    );
  });
});

const SOME: Content = {
  channel: 2,
  exchange: 'orders',
  routingKey: 'a',
  size: 10,
  frames: 1,
  headers: 'stamped',
  type: '',
};
