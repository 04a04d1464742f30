import fc from 'fast-check';
import { type MethodName, methods, properties } from '../../src/amqp/spec.ts';
import {
  bits,
  body,
  type Entry,
  encodeHeader,
  entry,
  frame,
  heartbeat,
  long,
  METHOD,
  method,
  short,
  string,
  table,
  u8,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';
import type { Peers } from './scanning-peers.ts';

// Frames of an app and of a broker, sensible and not. What one of them depends on, such as the next delivery
// tag, is asked of `Peers` when it is sent.

export type Frame = (peers: Peers) => Buffer;

export const CHANNELS = [1, 2];
export const CONSUMERS = ['c1', 'another-consumer'];
const QUEUES = ['jobs', 'mails'];
const REPLY_TO = 'amq.rabbitmq.reply-to.g1h2';
/** of every property that is a text: where answers go, and what names them */
const ADDRESS = 'value';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0';
const headersOf = (name: string, { stamp = 0, id = 0 }: NonNullable<Content['own']>): Entry[] | undefined =>
  HEADERS[name]?.map(({ key, type, value }) => {
    const each = Buffer.from(value);
    if (key.toString() === 'x-tracehare-sent') each.writeUInt32BE(each.readUInt32BE(4) + 250_000 * stamp, 4);
    // the last digit of the span id
    if (key.toString() === 'traceparent' && each.length > 50) each.write(String(3 + id), each.length - 4, 'latin1');
    return { key, type, value: each };
  });

const HEADERS: Record<string, Entry[] | undefined> = {
  none: undefined,
  empty: [],
  own: [string('x-order', 'of the app'), entry('nothing', 'V', Buffer.alloc(0))],
  tenant: [string('x-tenant', 'acme-7'), string('x-order', 'twice'), string('x-tenant', 'acme-8')],
  otherTenant: [string('x-tenant', 'umbrella')],
  lookalike: [string('traceparenX', 'a'), string('x-tracehare-senT', 'b'), string('x-deatH', 'c')],
  unsampled: [string('traceparent', `${TRACEPARENT}0`)],
  sampled: [
    string('traceparent', `${TRACEPARENT}1`),
    string('tracestate', 'a=b'),
    string('x-tenant', 'acme'),
    string('baggage', 'tenant=acme'),
  ],
  invalid: [string('tracestate', 'a=b'), string('traceparent', 'nonsense'), string('behind', 'it')],
  // seconds before time begins (scanning-time.ts), or years: only the first can be believed
  stamped: [entry('x-tracehare-sent', 'l', u64(1_799_999_990_000_000)), string('traceparent', `${TRACEPARENT}0`)],
  stampedSampled: [
    entry('x-tracehare-sent', 'l', u64(1_799_999_990_000_000)),
    string('traceparent', `${TRACEPARENT}1`),
  ],
  stampedAlone: [entry('x-tracehare-sent', 'l', u64(1_700_000_000_000_000))],
  delayed: [entry('x-delay', 'I', Buffer.alloc(4))],
  dead: [
    entry(
      'x-death',
      'A',
      Buffer.from('\0\0\0\x25F\0\0\0\x20\x05queueS\0\0\0\x04jobs\x06reasonS\0\0\0\x07expired', 'latin1'),
    ),
  ],
  deadBefore: [
    entry('x-tracehare-sent', 'l', u64(1_700_000_000_000_004)),
    entry(
      'x-death',
      'A',
      Buffer.from('\0\0\0\x25F\0\0\0\x20\x05queueS\0\0\0\x04jobs\x06reasonS\0\0\0\x07expired', 'latin1'),
    ),
  ],
  ofStream: [entry('x-stream-offset', 'l', u64(7))],
  ofStreamStamped: [
    entry('x-tracehare-sent', 'l', u64(1_700_000_000_000_000)),
    entry('x-stream-offset', 'l', u64(8)),
    string('traceparent', `${TRACEPARENT}1`),
  ],
  long: [string('x-long', 'l'.repeat(120))],
  malformed: [entry('what', '?', Buffer.alloc(3))],
};

export interface Content {
  channel: number;
  exchange: string;
  routingKey: string;
  size: number;
  frames: number;
  headers: string;
  properties: readonly number[];
  /** in which of the things that messages of an app differ in it differs from others, and how: 0 is not at all */
  own?: Partial<Record<Aspect, number>>;
}

type Aspect = 'stamp' | 'id' | 'property' | 'mode';

const contents: fc.Arbitrary<Content> = fc.record({
  channel: fc.constantFrom(1, 1, 1, 2),
  exchange: fc.constantFrom('', 'orders', 'orders', 'orders', 'events'),
  routingKey: fc.constantFrom('a', 'a', 'b', 'a.longer.c', REPLY_TO, ADDRESS),
  size: fc.oneof(fc.constantFrom(0, 1, 100), fc.nat(300)),
  frames: fc.constantFrom(1, 1, 1, 2, 3),
  headers: fc.oneof(
    fc.constantFrom('none', 'empty', 'own', 'tenant', 'stamped'),
    fc.constantFrom(...Object.keys(HEADERS)),
  ),
  properties: fc.oneof(
    fc.constant<readonly number[]>([]),
    fc.array(fc.nat(properties.length - 1), { maxLength: 4 }),
    fc.constant(properties.map((_, index) => index)),
  ),
});

/** A whole publish. */
export const publish = (each: Content, mandatory: boolean): Frame =>
  fixed(Buffer.concat([publishFrame(each, mandatory), content(each)]));

/** A whole delivery, its tag `step` behind the one before. */
export const deliver =
  (each: Content, consumer: string, redelivered: boolean, step = 1): Frame =>
  (peers) => {
    const tag = u64(peers.deliveryTag(each.channel, step));
    const names = Buffer.concat([short(each.exchange), short(each.routingKey)]);
    return Buffer.concat([method(each.channel, 60, 60, short(consumer), tag, bits(redelivered), names), content(each)]);
  };

/** Publishes follow each other with the same names, as most do. */
const series = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.tuple(each, fc.constantFrom(1, 1, 2, 4)).map(([one, times]) => Array.from({ length: times }, () => one));

/** `property`: they become longer, too. */
function propertyValue(
  name: string,
  type: 'shortstr' | 'octet' | 'longlong',
  own: NonNullable<Content['own']>,
): Buffer {
  const { property = 0, mode = 0 } = own;
  if (type === 'octet') return u8(name === 'deliveryMode' ? 2 - mode : 2);
  if (type === 'longlong') return u64(1_700_000_000 + property);
  if (name === 'expiration') return short(property === 0 ? '60000' : '7');
  return short(property === 0 ? ADDRESS : `${ADDRESS}${property}`);
}

function contentFrames({ channel, size, frames, headers, properties: set, own = {} }: Content, classId = 60): Buffer[] {
  const entries = headersOf(headers, own);
  let flags = entries === undefined ? 0 : 0x2000;
  const parts: Buffer[][] = [[], []];
  for (const [index, [name, type]] of properties.entries()) {
    if (type === 'table' || !set.includes(index)) continue;
    flags |= 0x8000 >>> index;
    const value = propertyValue(name, type, own);
    parts[index < 2 ? 0 : 1].push(value);
  }
  const header = encodeHeader({
    channel,
    classId,
    weight: 0,
    bodySize: BigInt(size),
    flags: [flags],
    before: Buffer.concat(parts[0]),
    entries,
    after: Buffer.concat(parts[1]),
  });
  const bodies: Buffer[] = [];
  const each = Math.ceil(size / frames);
  for (let at = 0; at < size; at += each) bodies.push(body(channel, Buffer.alloc(Math.min(each, size - at), 0x78)));
  return [header, ...bodies];
}

const content = (of: Content): Buffer => Buffer.concat(contentFrames(of));

const publishFrame = ({ channel, exchange, routingKey }: Content, mandatory: boolean): Buffer =>
  method(channel, 60, 40, u16(0), short(exchange), short(routingKey), bits(mandatory, false));

/** What lies between the frames of a message, if anything does. */
const between: fc.Arbitrary<Buffer> = fc.constantFrom(
  heartbeat(),
  publishFrame({ ...plain(2), exchange: 'orders' }, false),
  Buffer.concat([publishFrame(plain(2), false), content(plain(2))]),
  method(2, 60, 80, u64(1), bits(false)),
);

export function plain(channel: number): Content {
  return { channel, exchange: 'orders', routingKey: 'a', size: 10, frames: 1, headers: 'own', properties: [] };
}

const publishes: fc.Arbitrary<readonly Frame[]> = series(fc.tuple(contents, fc.constantFrom(false, false, true))).map(
  (list) => list.map(([each, mandatory]) => fixed(Buffer.concat([publishFrame(each, mandatory), content(each)]))),
);

const interrupted: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(contents, fc.boolean(), between, fc.nat(3))
  .map(([each, mandatory, other, at]) => {
    const frames = [publishFrame(each, mandatory), ...contentFrames(each)];
    frames.splice(Math.min(at, frames.length), 0, other);
    return [fixed(Buffer.concat(frames))];
  });

/** A counterexample shows its bytes. */
const fixed = (bytes: Buffer): Frame =>
  Object.assign(() => bytes, { [fc.toStringMethod]: () => JSON.stringify(bytes.toString('latin1')) });

const isFromApp = (name: MethodName): boolean =>
  !/-ok$|^connection\.(start|secure|tune|blocked|unblocked)$|^basic\.(return|deliver|get-empty)$/.test(name);
/** Both sides may send them. */
const isOfBoth = (name: MethodName): boolean => /\.close(-ok)?$|^channel\.flow|^basic\.(ack|nack|cancel)/.test(name);
const isEnd = (name: MethodName): boolean => /^(connection|channel)\.close/.test(name) || name === 'channel.open';
const names = (Object.keys(methods) as MethodName[]).filter((name) => !('content' in methods[name]));

const ARGUMENTS: Record<string, readonly string[]> = {
  queue: [...QUEUES, ''],
  exchange: ['orders', 'events', ''],
  consumerTag: CONSUMERS,
  type: ['topic', 'x-delayed-message'],
};
const TABLES = [
  table([]),
  table([string('x-dead-letter-exchange', 'dead')]),
  table([string('x-queue-type', 'stream'), string('x-stream-offset', 'first')]),
];

/** Any method with arguments of the right type. */
function anyMethod(of: readonly MethodName[]): fc.Arbitrary<readonly Frame[]> {
  return fc
    .tuple(fc.constantFrom(...of), fc.constantFrom(...CHANNELS), fc.nat(255), fc.nat(30))
    .map(([name, channel, draw, number]) => [
      fixed(encode(name, name.startsWith('connection.') ? 0 : channel, draw, number)),
    ]);
}

/** `draw` decides on words and bits, `number` is in place of every number. */
export function encode(name: MethodName, channel: number, draw: number, number: number): Buffer {
  const { classId, methodId, args } = methods[name];
  const parts: Buffer[] = [];
  let octet: boolean[] = [];
  const flush = (): void => {
    if (octet.length > 0) parts.push(bits(...octet));
    octet = [];
  };
  for (const [arg, type] of Object.entries(args)) {
    if (type === 'bit') {
      octet.push(((draw >> octet.length) & 1) !== 0);
      continue;
    }
    flush();
    const words = ARGUMENTS[arg] ?? ['word'];
    const value = {
      octet: () => u8(number),
      short: () => u16(number),
      long: () => u32(number),
      longlong: () => u64(number),
      shortstr: () => short(words[draw % words.length]),
      longstr: () => long('words'),
      table: () => TABLES[draw % TABLES.length],
    }[type];
    parts.push(value());
  }
  flush();
  return method(channel, classId, methodId, ...parts);
}

const acks: fc.Arbitrary<readonly Frame[]> = fc.array(
  fc
    .tuple(fc.constantFrom(1, 1, 2), fc.nat(20), fc.constantFrom(false, false, true))
    .map(([channel, tag, multiple]) => fixed(method(channel, 60, 80, u64(tag), bits(multiple)))),
  { minLength: 1, maxLength: 5 },
);

/** What no specification has. */
const nonsense: fc.Arbitrary<readonly Frame[]> = fc
  .constantFrom(
    method(1, 99, 99, u64(1)),
    method(1, 60, 80, u16(1)),
    method(1, 60, 40, u16(0), short('orders')),
    method(1, 60, 60, short('c1')),
    method(1, 60, 60, short('nobody'), u64(500), bits(false), short('orders'), short('a')),
    // names that end before the frame does
    Buffer.concat([
      method(1, 60, 40, u16(0), short('orders'), short('a'), bits(false, false), u16(0)),
      content({ ...plain(1), size: 3 }),
    ]),
    method(9, 60, 80, u64(1), bits(true)),
    // content that nobody announced, and of which more comes than it said
    content({ ...plain(2), size: 3 }),
    Buffer.concat([publishFrame(plain(1), false), content(plain(1)), body(1, Buffer.alloc(5))]),
    Buffer.concat([publishFrame(plain(1), false), ...contentFrames(plain(1), 50)]),
    // one body frame is empty, and the message is on a channel that was never opened
    Buffer.concat([
      publishFrame(plain(1), true),
      contentFrames(plain(1))[0],
      body(1, Buffer.alloc(0)),
      body(1, Buffer.alloc(10)),
    ]),
    Buffer.concat([publishFrame({ ...plain(9) }, false), content(plain(9))]),
    // a publish and a delivery that are broken off
    method(1, 60, 40, u16(0), short('orders'), short('a'), bits(false, false)),
    method(1, 60, 60, short('c1'), u64(400), bits(false), short('orders'), short('a')),
    frame(METHOD, 1, Buffer.alloc(2)),
    frame(200, 0, Buffer.alloc(9)),
  )
  .map((bytes) => [fixed(bytes)]);

const heartbeats: fc.Arbitrary<readonly Frame[]> = fc.constant([fixed(heartbeat())]);

/** One piece of what an app says. */
export const appFrames: fc.Arbitrary<readonly Frame[]> = fc.oneof(
  { weight: 14, arbitrary: publishes },
  { weight: 4, arbitrary: acks },
  { weight: 2, arbitrary: interrupted },
  { weight: 1, arbitrary: heartbeats },
  { weight: 3, arbitrary: anyMethod(names.filter((name) => isFromApp(name) && !isEnd(name))) },
  { weight: 1, arbitrary: anyMethod(['confirm.select', 'basic.get', 'basic.get', 'basic.cancel', 'basic.consume']) },
  { weight: 1, arbitrary: anyMethod(['tx.select', 'tx.commit', 'tx.rollback']) },
  { weight: 1, arbitrary: anyMethod(names.filter(isEnd)) },
  { weight: 1, arbitrary: nonsense },
  { weight: 1, arbitrary: fc.constant([(peers: Peers) => peers.appAnswers()]) },
);

const deliveries: fc.Arbitrary<readonly Frame[]> = series(
  fc.tuple(
    contents,
    fc.constantFrom(...CONSUMERS, 'c1', 'c1'),
    fc.constantFrom(false, false, false, true),
    fc.constantFrom(1, 1, 1, 1, 1, 3, 0),
  ),
).map((list) => list.map(([each, consumer, redelivered, step]) => deliver(each, consumer, redelivered, step)));

const rarely = (most: number): fc.Arbitrary<number> => fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(most));
const index = (of: string): number => properties.findIndex(([name]) => name === of);

/** What an app sends: a few kinds of messages in turn, each of them like the others of its kind but for a thing or two. */
const alike: fc.Arbitrary<Content[]> = fc
  .tuple(
    fc.record({
      channel: fc.constantFrom(1, 1, 1, 2),
      headers: fc.constantFrom('none', 'empty', 'own', 'unsampled', 'stamped', 'stamped', 'stampedSampled', 'invalid'),
      frames: fc.constant(1),
      properties: fc.constantFrom(
        [],
        [0, index('deliveryMode')],
        [index('deliveryMode'), index('messageId'), index('timestamp')],
        [index('correlationId')],
      ),
    }),
    fc.array(
      fc.record({
        exchange: fc.constantFrom('orders', 'orders', 'events', ''),
        routingKey: fc.constantFrom('a', 'b', 'a.longer.c'),
        size: fc.constantFrom(0, 10, 100),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    fc.array(fc.record({ stamp: rarely(2), id: rarely(5), property: rarely(3), mode: rarely(1), size: rarely(9) }), {
      minLength: 2,
      maxLength: 12,
    }),
  )
  .map(([common, kinds, each]) =>
    each.map(({ size, ...own }, i) => {
      const kind = kinds[i % kinds.length];
      return { ...common, ...kind, size: kind.size + size, own };
    }),
  );

/** Publishes that are alike. */
export const alikePublishes: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(alike, fc.array(fc.constantFrom(false, false, false, true), { minLength: 12, maxLength: 12 }))
  .map(([list, mandatory]) => list.map((each, i) => publish(each, mandatory[i])));

/** Deliveries that are alike. */
export const alikeDeliveries: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(
    alike,
    fc.array(fc.tuple(fc.constantFrom('c1', 'c1', 'c1', 'another-consumer'), fc.constantFrom(1, 1, 1, 1, 3)), {
      minLength: 12,
      maxLength: 12,
    }),
    rarely(1),
  )
  .map(([list, to, again]) => list.map((each, i) => deliver(each, to[i][0], again === 1, to[i][1])));

/** The answer to a get, if one is due; else it answers nothing. */
const got: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(contents, fc.boolean())
  .map(([each, redelivered]) => [
    (peers) =>
      Buffer.concat([
        method(
          each.channel,
          60,
          71,
          u64(peers.deliveryTag(each.channel, 1)),
          bits(redelivered),
          short(each.exchange),
          short(each.routingKey),
          u32(3),
        ),
        content(each),
      ]),
  ]);

const halfDelivery: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(contents, between)
  .map(([each, other]) => [
    (peers) =>
      Buffer.concat([
        method(
          each.channel,
          60,
          60,
          short('c1'),
          u64(peers.deliveryTag(each.channel, 1)),
          bits(false),
          short(each.exchange),
          short(each.routingKey),
        ),
        other,
        content(each),
      ]),
  ]);

const confirms: fc.Arbitrary<readonly Frame[]> = fc
  .tuple(fc.constantFrom(1, 1, 2), fc.constantFrom(80, 80, 120), fc.boolean())
  .map(([channel, id, multiple]) => [(peers) => peers.confirm(channel, id, multiple)]);

/** One piece of what a broker says. */
export const brokerFrames: fc.Arbitrary<readonly Frame[]> = fc.oneof(
  { weight: 14, arbitrary: deliveries },
  { weight: 4, arbitrary: confirms },
  { weight: 3, arbitrary: fc.constant([(peers: Peers) => peers.returns()]) },
  { weight: 4, arbitrary: fc.constant([(peers: Peers) => peers.brokerAnswers()]) },
  { weight: 1, arbitrary: got },
  { weight: 1, arbitrary: halfDelivery },
  { weight: 1, arbitrary: heartbeats },
  { weight: 2, arbitrary: anyMethod(names.filter((name) => (!isFromApp(name) || isOfBoth(name)) && !isEnd(name))) },
  { weight: 1, arbitrary: anyMethod(['channel.close', 'channel.close-ok', 'connection.close', 'channel.close']) },
  { weight: 1, arbitrary: nonsense },
);

/** Of methods with content: all others are written by their arguments. */
export const withContent: readonly string[] = ['basic.publish', 'basic.deliver', 'basic.get-ok', 'basic.return'];
/** Headers that some message has. */
export const headerNames: ReadonlySet<string> = new Set(
  Object.values(HEADERS).flatMap((entries = []) => entries.map(({ key }) => key.toString())),
);
