import { resourceFromAttributes } from '@opentelemetry/resources';
import { ContentHeader } from '../../src/amqp/content.ts';
import { writeU64 } from '../../src/amqp/fields.ts';
import { FrameDecoder, type FrameVisitor } from '../../src/amqp/frames.ts';
import { MAX_RECORD, RecordEncoder } from '../../src/events/codec.ts';
import { HAS_SPAN, newPassage, type Passage, SAMPLED, TRACED } from '../../src/events/passage.ts';
import { RingReader, RingWriter, ringMemory } from '../../src/events/ring.ts';
import { observedHeaders } from '../../src/proxy/ports/interceptor.ts';
import { observedFromApp } from '../../src/proxy/scanning/from-app.ts';
import { observedFromBroker } from '../../src/proxy/scanning/from-broker.ts';
import { identify } from '../../src/telemetry/export/identity.ts';
import { SpanRequest } from '../../src/telemetry/export/otlp.ts';
import { PlainSpans } from '../../src/telemetry/export/plain-spans.ts';
import { ProtobufWriter } from '../../src/telemetry/export/protobuf.ts';
import { CONTEXT_WORDS } from '../../src/telemetry/traces/ids.ts';
import {
  app,
  broker,
  deliver,
  deliveryTagAt,
  type Message,
  ownTraceparent,
  publish,
  stamp,
} from '../../testing/peer-frames.ts';
import { createRig, emptyRing, handshake, type Rig } from '../../testing/plane-rig.ts';
import type { Step } from './measure.ts';

export interface CaseOptions {
  /** loss modes to try */
  loss: string[];
  /** bytes of a body */
  body: number;
  /** bytes of a chunk, about */
  chunk: number;
  /** distinct routing keys */
  topics: number;
  /** OTEL_* variables that rule sampling */
  env: Record<string, string>;
  /** each message is to another exchange than the one before, and has a message-id and a timestamp of its own */
  differ?: boolean;
}

export interface Case {
  name: string;
  prepare(): Step;
}

/** Messages a second that pass in the rig's own time: what a window holds depends on it. */
const RATE = 50_000;
const TAG = 'amq.ctag-bench';
/** Deliveries an app acks at once. */
const ACK_EVERY = 10;
/** Offset of the tag in a basic.ack frame. */
const ACK_TAG_AT = 11;

export function cases(options: CaseOptions): Case[] {
  const { loss } = options;
  const list: Case[] = [
    { name: 'decode: publishes', prepare: () => decoding(publishes(options).chunk, observedFromApp) },
    { name: 'decode: deliveries', prepare: () => decoding(deliveries(options).chunk, observedFromBroker) },
    { name: 'header: read', prepare: () => reading(false) },
    { name: 'header: read and splice', prepare: () => reading(true) },
    { name: 'count: publish', prepare: () => counting('publish') },
    { name: 'count: delivery', prepare: () => counting('delivery') },
    { name: 'event: encode', prepare: () => encoding() },
    { name: 'event: write to the ring', prepare: () => ringing('write') },
    { name: 'event: read from the ring', prepare: () => ringing('read') },
    { name: 'span: write for OTLP', prepare: () => exporting(1) },
    { name: 'span: write for OTLP, 2,000 routes', prepare: () => exporting(2000) },
  ];
  for (const mode of loss) {
    list.push({ name: `publish, --loss ${mode}`, prepare: () => publishing(options, mode) });
    list.push({
      name: `publish, --loss ${mode}, own traceparent`,
      prepare: () => publishing(options, mode, { headers: [ownTraceparent()] }),
    });
    list.push({ name: `publish, --loss ${mode}, app confirms`, prepare: () => publishing(options, mode, {}, true) });
  }
  const differ = { ...options, differ: true };
  for (const mode of loss.filter((each) => each === 'returns')) {
    list.push({ name: `publish, --loss ${mode}, all differ`, prepare: () => publishing(differ, mode) });
  }
  list.push({ name: 'deliver, auto-ack, all differ', prepare: () => delivering(differ, true) });
  list.push({ name: 'deliver, manual ack, all differ', prepare: () => delivering(differ, false) });
  list.push({ name: 'deliver, auto-ack', prepare: () => delivering(options, true) });
  list.push({ name: 'deliver, manual ack', prepare: () => delivering(options, false) });
  if (loss.includes('returns')) {
    const all = { ...options, env: { OTEL_TRACES_SAMPLER: 'always_on' } };
    list.push({ name: 'publish, --loss returns, all sampled', prepare: () => publishing(all, 'returns') });
    list.push({ name: 'deliver, auto-ack, all sampled', prepare: () => delivering(all, true) });
  }
  return list;
}

interface Input {
  chunk: Buffer;
  /** where each message starts */
  starts: number[];
  /** gives each message another id and time, if they are to differ */
  change(chunk: Buffer): void;
}

/** Exchanges that take turns where messages differ. */
const TURNS = 10;
const ID = '0af7651916cd43dd8448eb211c80319c';
/** of an id, at its end, those that change */
const DIGITS = 8;

/** Whole messages, as many as the chunk holds but at least one. */
function fill({ chunk, topics, differ = false, body }: CaseOptions, encode: (message: Message) => Buffer): Input {
  const variants = Array.from({ length: differ ? TURNS : topics }, (_, i) =>
    encode(
      differ
        ? { exchange: `orders.${i}`, routingKey: 'order.created', body, id: ID }
        : { exchange: 'orders', routingKey: topics === 1 ? 'order.created' : `order.${i}`, body },
    ),
  );
  const parts: Buffer[] = [];
  const starts: number[] = [];
  for (let size = 0, i = 0; i === 0 || size + variants[0].length <= chunk; i++) {
    const part = variants[(i * 7919) % variants.length];
    parts.push(part);
    starts.push(size);
    size += part.length;
  }
  const bytes = Buffer.concat(parts);
  return {
    chunk: bytes,
    starts,
    change: differ ? changing(starts.map((start) => bytes.indexOf(ID, start))) : () => {},
  };
}

/** Writes numbers into ids that stand at these places, and into the timestamps behind them. */
function changing(places: number[]): (chunk: Buffer) => void {
  let number = 0;
  return (chunk) => {
    for (const at of places) {
      number++;
      for (let digit = 0, rest = number; digit < DIGITS; digit++, rest = (rest / 10) | 0)
        chunk[at + ID.length - 1 - digit] = 0x30 + (rest % 10);
      chunk.writeUInt32BE(number, at + ID.length + 4);
    }
  };
}

const publishes = (options: CaseOptions, more: Partial<Message> = {}): Input =>
  fill(options, (message) => publish({ ...message, ...more }));

function deliveries(options: CaseOptions): Input {
  const sampled = options.env.OTEL_TRACES_SAMPLER === 'always_on';
  const headers = [stamp(Date.now() * 1000), ownTraceparent(sampled)];
  return fill(options, (message) => deliver({ ...message, headers }, TAG, 1));
}

function decoding(chunk: Buffer, observed: ReadonlySet<number>): Step {
  let frames = 0;
  const visitor: FrameVisitor = {
    method: () => frames++,
    header: () => frames++,
    body: () => frames++,
    raw: () => frames++,
    lost: () => {
      throw new Error('framing was lost');
    },
  };
  const decoder = new FrameDecoder(visitor, observed);
  decoder.push(chunk, 0, chunk.length);
  return { messages: frames / 3, step: () => decoder.push(chunk, 0, chunk.length) };
}

/** The content header of one publish, a thousand times. */
function reading(splice: boolean): Step {
  const message = publish({ exchange: 'orders', routingKey: 'order.created', body: 0 });
  const start = 8 + message.readUInt32BE(3);
  const header = new ContentHeader(observedHeaders);
  const out = Buffer.alloc(1024);
  const entries = Buffer.alloc(128, 0x78);
  return {
    messages: 1000,
    step() {
      for (let i = 0; i < 1000; i++) {
        header.read(message, start, message.length);
        if (splice) header.splice(out, 0, 0, entries, 94);
      }
    },
  };
}

function counting(side: 'publish' | 'delivery'): Step {
  const { plane, recorder } = createRig();
  const { observer } = plane;
  const published = observer.publishes('orders', '/');
  const delivered = observer.deliveries('orders', '/', 'orders');
  return {
    messages: 1000,
    step() {
      for (let i = 0; i < 1000; i++) {
        if (side === 'publish') {
          published.passed(100);
          published.succeeded(0.001);
        } else {
          delivered.passed(100, false, false);
          delivered.first(0.001);
          delivered.succeeded(0, true);
        }
      }
    },
    after: () => recorder.sweep(0),
  };
}

const PASSAGE: Passage = {
  ...newPassage(),
  names: {
    number: 0,
    via: 'publish',
    connection: 1,
    channel: 1,
    exchange: 'orders',
    routingKey: 'order.created',
    topic: 'orders',
    pipeline: '/',
    queue: '',
    consumerTag: '',
  },
  bits: TRACED | HAS_SPAN | SAMPLED,
  ids: Uint32Array.of(0x0af76519, 0x16cd43dd, 0x8448eb21, 0x1c80319c, 0xb7ad6b71, 0x69203331, 0, 0),
  startedAt: 1.7e15,
  endedAt: 1.7e15,
  bodySize: 100,
  number: 1,
};

function encoding(): Step {
  const encoder = new RecordEncoder(Buffer.alloc(MAX_RECORD));
  return {
    messages: 1000,
    step() {
      for (let i = 0; i < 1000; i++) encoder.passage(PASSAGE, 0);
    },
  };
}

function ringing(what: 'write' | 'read'): Step {
  const memory = ringMemory(4 << 20);
  const ring = new RingWriter(memory);
  const reader = new RingReader(memory);
  const write = (): void => {
    for (let i = 0; i < 1000; i++) ring.writePassage(PASSAGE);
  };
  const nobody = { event() {}, passage() {} };
  return what === 'write'
    ? { messages: 1000, step: write, after: () => emptyRing(memory) }
    : { messages: 1000, before: write, step: () => reader.read(1000, nobody) };
}

/** A batch of spans, of so many routes in turn. */
function exporting(routes: number): Step {
  const origin = {
    resource: resourceFromAttributes({ 'service.name': 'tracehare' }),
    scope: { name: 'tracehare', version: '0' },
    limits: undefined,
  };
  const connection = {
    client: '127.0.0.1:50000',
    brokerHost: '127.0.0.1',
    brokerPort: 5672,
    clientId: 'bench',
    app: 'shop',
  };
  const names = Array.from({ length: routes }, (_, number) => ({
    ...PASSAGE.names,
    number,
    topic: `orders-${number}`,
  }));
  const passages = Array.from({ length: Math.max(512, routes) }, (_, i) => ({
    ...PASSAGE,
    names: names[i % routes],
    number: i,
  }));
  const ids = new Uint32Array(CONTEXT_WORDS);
  const writer = new ProtobufWriter();
  const plain = new PlainSpans(origin);
  return {
    messages: passages.length,
    step() {
      const request = new SpanRequest(origin, writer, plain);
      for (const passage of passages) {
        identify(passage, 'parent', ids);
        request.add({ passage, connection, consumer: 'parent', queue: 'event', part: 'passage', ids });
      }
      request.bytes();
    },
  };
}

/** What both paths have between two chunks. */
function between(rig: Rig, messages: number): void {
  rig.emptyRing();
  rig.pass((messages / RATE) * 1000);
}

export function publishing(
  options: CaseOptions,
  loss: string,
  more: Partial<Message> = {},
  confirms = false,
): Step & { rig: Rig } {
  const rig = createRig({ args: ['--loss', loss, '--pipeline', 'bench'], env: options.env });
  handshake(rig, { confirms });
  const { chunk: original, starts, change } = publishes(options, more);
  const chunk = Buffer.from(original);
  const messages = starts.length;
  const pristine = broker.ack(0, true);
  const ack = Buffer.from(pristine);
  let published = 0;
  return {
    rig,
    messages,
    // what passes may be changed in place
    before() {
      original.copy(chunk);
      change(chunk);
    },
    step: () => rig.app.receive(chunk),
    after() {
      published += messages;
      // confirms come back whether the app asked for them or the sidecar
      if (confirms || loss === 'confirms') {
        pristine.copy(ack);
        writeU64(ack, ACK_TAG_AT, published);
        rig.broker.receive(ack);
      }
      between(rig, messages);
    },
    writes: () => rig.broker.writes,
  };
}

export function delivering(options: CaseOptions, noAck: boolean): Step & { rig: Rig } {
  const rig = createRig({ args: ['--pipeline', 'bench'], env: options.env });
  handshake(rig, { consume: { tag: TAG, noAck } });
  const { chunk: original, starts, change } = deliveries(options);
  const chunk = Buffer.from(original);
  const messages = starts.length;
  const tagAt = deliveryTagAt(TAG);
  const ackCount = Math.ceil(messages / ACK_EVERY);
  const acks = Buffer.concat(Array.from({ length: ackCount }, () => app.ack(0, true)));
  const ackSize = acks.length / ackCount;
  let delivered = 0;
  return {
    rig,
    messages,
    before() {
      original.copy(chunk);
      change(chunk);
      for (const start of starts) writeU64(chunk, start + tagAt, ++delivered);
    },
    step: () => rig.broker.receive(chunk),
    after() {
      if (!noAck) {
        for (let i = 0; i < ackCount; i++) {
          const last = Math.min((i + 1) * ACK_EVERY, messages);
          writeU64(acks, i * ackSize + ACK_TAG_AT, delivered - messages + last);
        }
        rig.app.receive(acks);
      }
      between(rig, messages);
    },
    writes: () => rig.app.writes,
  };
}
