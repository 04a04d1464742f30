import type { LifecycleEvent, LifecycleEventType } from './lifecycle.ts';

type FieldType<V> = V extends string ? 'string' : V extends boolean ? 'boolean' : V extends number ? 'number' : never;
/** Every field of an event but its type, in the order in which it is written. */
type Shape<E> = { [K in Exclude<keyof E, 'type'>]: FieldType<E[K]> };
type Shapes = { [T in LifecycleEventType]: Shape<Extract<LifecycleEvent, { type: T }>> };

const passage = {
  connection: 'number',
  channel: 'number',
  exchange: 'string',
  routingKey: 'string',
  topic: 'string',
  pipeline: 'string',
  startedAt: 'number',
  endedAt: 'number',
  traceId: 'string',
  spanId: 'string',
  parentSpanId: 'string',
  traceState: 'string',
  sampled: 'boolean',
  bodySize: 'number',
  messageId: 'string',
  correlationId: 'string',
  fault: 'string',
} as const;

/** The compiler holds this table against the events: a field forgotten here does not compile. */
const shapes: Shapes = {
  'connection.opened': {
    at: 'number',
    connection: 'number',
    client: 'string',
    brokerHost: 'string',
    brokerPort: 'number',
    bypass: 'string',
  },
  'connection.identified': {
    at: 'number',
    connection: 'number',
    vhost: 'string',
    user: 'string',
    name: 'string',
    product: 'string',
    version: 'string',
    platform: 'string',
  },
  'connection.blocked': { at: 'number', connection: 'number', blocked: 'boolean', reason: 'string' },
  'connection.closed': { at: 'number', connection: 'number', by: 'string', code: 'number', text: 'string' },
  'channel.closed': {
    at: 'number',
    connection: 'number',
    channel: 'number',
    by: 'string',
    code: 'number',
    text: 'string',
  },
  'consumer.started': {
    at: 'number',
    connection: 'number',
    channel: 'number',
    consumerTag: 'string',
    queue: 'string',
    noAck: 'boolean',
  },
  'consumer.cancelled': {
    at: 'number',
    connection: 'number',
    channel: 'number',
    consumerTag: 'string',
    queue: 'string',
    by: 'string',
  },
  'publish.ended': {
    ...passage,
    sequence: 'number',
    outcome: 'string',
    reason: 'string',
    confirmed: 'boolean',
    replyCode: 'number',
    replyText: 'string',
  },
  'message.lost': {
    at: 'number',
    connection: 'number',
    channel: 'number',
    side: 'string',
    exchange: 'string',
    routingKey: 'string',
    topic: 'string',
    pipeline: 'string',
    queue: 'string',
    reason: 'string',
    traceId: 'string',
  },
  'delivery.ended': {
    ...passage,
    deliveryTag: 'number',
    via: 'string',
    queue: 'string',
    consumerTag: 'string',
    redelivered: 'boolean',
    settlement: 'string',
    outcome: 'string',
    reason: 'string',
    lost: 'boolean',
    latency: 'number',
    deadLetterQueue: 'string',
    deadLetterReason: 'string',
  },
};

const types = Object.keys(shapes) as LifecycleEventType[];
const codes = new Map(types.map((type, code) => [type, code]));
const fields = types.map((type) => Object.entries(shapes[type]));

/** No text of an event is longer; AMQP's own names are short strings. */
const MAX_TEXT = 1024;

/** Most bytes an event can take. */
export const MAX_EVENT = 1 + Math.max(...fields.map((each) => each.length)) * (2 + MAX_TEXT * 3);

/** Writes the event at the start of `out`, which has MAX_EVENT bytes; returns how many it took. */
export function encodeEvent(event: LifecycleEvent, out: Buffer): number {
  const code = codes.get(event.type) as number;
  const values = event as unknown as Record<string, string | number | boolean>;
  out[0] = code;
  let p = 1;
  for (const [name, type] of fields[code]) {
    const value = values[name];
    if (type === 'number') p = out.writeDoubleLE(value as number, p);
    else if (type === 'boolean') out[p++] = value ? 1 : 0;
    else {
      const text = value as string;
      const length = text === '' ? 0 : out.write(text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text, p + 2);
      out.writeUInt16LE(length, p);
      p += 2 + length;
    }
  }
  return p;
}

/** The event that stands at the start of `buf`. */
export function decodeEvent(buf: Buffer): LifecycleEvent {
  const code = buf[0];
  const event: Record<string, string | number | boolean> = { type: types[code] };
  let p = 1;
  for (const [name, type] of fields[code]) {
    if (type === 'number') {
      event[name] = buf.readDoubleLE(p);
      p += 8;
    } else if (type === 'boolean') event[name] = buf[p++] === 1;
    else {
      const end = p + 2 + buf.readUInt16LE(p);
      event[name] = buf.toString('utf8', p + 2, end);
      p = end;
    }
  }
  return event as unknown as LifecycleEvent;
}
