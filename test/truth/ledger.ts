import { Count, type Figures, type Setting } from './figures.ts';

/** A message whose content frames are still coming. */
interface Content {
  what: 'publish' | 'deliver' | 'get' | 'return';
  topic: string;
  queue: string;
  noAck: boolean;
  tag: number;
  redelivered: boolean;
  deadLettered: boolean;
  size: number;
  remaining: number;
}

interface Unsettled {
  topic: string;
  queue: string;
}

class Channel {
  /** publishes and their topic, by their confirm's number; undefined without confirms */
  unconfirmed: Map<number, string> | undefined;
  published = 0;
  readonly unsettled = new Map<number, Unsettled>();
  readonly consumers = new Map<string, { queue: string; noAck: boolean }>();
  readonly consuming: { queue: string; noAck: boolean }[] = [];
  readonly getting: { queue: string; noAck: boolean }[] = [];
  incoming: Content | undefined;
  outgoing: Content | undefined;
}

/**
 * What passed on one connection, by its frames: a second, plain reading of the wire, frame by frame
 * with maps, that shares no code with the sidecar. Knows confirms and settlements, neither tx nor returns.
 */
export class Ledger {
  readonly count: Count;
  /** publishes that passed whole */
  published = 0;
  readonly #channels = new Map<number, Channel>();
  #unknown = 'connection_lost';

  constructor(setting: Setting) {
    this.count = new Count(setting);
  }

  get figures(): Figures {
    return this.count.figures;
  }

  get unsettled(): number {
    return [...this.#channels.values()].reduce((sum, { unsettled }) => sum + unsettled.size, 0);
  }

  frame(from: 'app' | 'broker', type: number, id: number, payload: Buffer): void {
    if (id === 0) {
      // connection.close-ok of the broker: what was open then is unconfirmed at close
      if (from === 'broker' && type === 1 && payload.readUInt32BE(0) === (10 << 16) + 51) this.#unknown = AT_CLOSE;
      return;
    }
    let channel = this.#channels.get(id);
    if (channel === undefined) {
      channel = new Channel();
      this.#channels.set(id, channel);
    }
    if (type === 1) this.#method(from, id, channel, payload);
    else this.#content(from, channel, type, payload);
  }

  /** Nothing more will pass. */
  end(): void {
    for (const id of this.#channels.keys()) this.#endChannel(id, this.#unknown, 'connection_closed');
  }

  #method(from: 'app' | 'broker', id: number, channel: Channel, payload: Buffer): void {
    const key = `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`;
    if (from === 'app') this.#appMethod(key, channel, payload);
    else this.#brokerMethod(key, id, channel, payload);
  }

  #appMethod(key: string, channel: Channel, payload: Buffer): void {
    switch (key) {
      case '85.10':
        channel.unconfirmed ??= new Map();
        return;
      case '60.40': {
        const exchange = short(payload, 6);
        const topic = exchange || short(payload, 7 + exchange.length);
        channel.outgoing = { ...NOTHING, what: 'publish', topic };
        return;
      }
      case '60.20': {
        const queue = short(payload, 6);
        const tag = short(payload, 7 + queue.length);
        const bits = payload[8 + queue.length + tag.length];
        channel.consuming.push({ queue, noAck: (bits & 2) !== 0 });
        return;
      }
      case '60.70': {
        const queue = short(payload, 6);
        channel.getting.push({ queue, noAck: payload[7 + queue.length] !== 0 });
        return;
      }
      case '60.80':
        this.#settle(channel, tagAt(payload, 4), (payload[12] & 1) !== 0, 'ack');
        return;
      case '60.120':
        this.#settle(channel, tagAt(payload, 4), (payload[12] & 1) !== 0, payload[12] & 2 ? 'nack' : 'drop');
        return;
      case '60.90':
        this.#settle(channel, tagAt(payload, 4), false, payload[12] ? 'reject' : 'drop');
    }
  }

  #brokerMethod(key: string, id: number, channel: Channel, payload: Buffer): void {
    switch (key) {
      case '60.80':
        this.#confirm(channel, tagAt(payload, 4), (payload[12] & 1) !== 0);
        return;
      case '60.21': {
        const consumer = channel.consuming.shift();
        if (consumer !== undefined) channel.consumers.set(short(payload, 4), consumer);
        return;
      }
      case '60.60': {
        const consumer = short(payload, 4);
        const { queue, noAck } = channel.consumers.get(consumer) ?? NOTHING;
        channel.incoming = delivery('deliver', payload, 5 + consumer.length, queue, noAck);
        return;
      }
      case '60.71': {
        const { queue, noAck } = channel.getting.shift() ?? NOTHING;
        channel.incoming = delivery('get', payload, 4, queue, noAck);
        return;
      }
      case '60.72':
        channel.getting.shift();
        return;
      case '60.111':
        this.#requeueAll(channel, 'recover');
        return;
      case '20.41':
        this.#endChannel(id, AT_CLOSE, 'channel_closed');
    }
  }

  #content(from: 'app' | 'broker', channel: Channel, type: number, payload: Buffer): void {
    const side = from === 'app' ? 'outgoing' : 'incoming';
    const content = channel[side];
    if (content === undefined) return;
    if (type === 2) {
      content.size = content.remaining = Number(payload.readBigUInt64BE(4));
      content.deadLettered = payload.includes('\x07x-death');
    } else content.remaining -= payload.length;
    if (content.remaining > 0) return;
    channel[side] = undefined;
    if (content.what === 'publish') this.#published(channel, content);
    else this.#delivered(channel, content);
  }

  #published(channel: Channel, { topic, size }: Content): void {
    this.published++;
    this.count.published(topic, size);
    if (channel.unconfirmed === undefined) this.count.publishEnded(topic);
    else channel.unconfirmed.set(++channel.published, topic);
  }

  #delivered(channel: Channel, { what, topic, queue, noAck, tag, redelivered, deadLettered, size }: Content): void {
    this.count.delivered(topic, size, { redelivered, got: what === 'get', deadLettered });
    if (noAck) this.count.autoAcked(topic);
    else channel.unsettled.set(tag, { topic, queue });
  }

  #confirm(channel: Channel, last: number, multiple: boolean): void {
    for (const [tag, topic] of upTo(channel.unconfirmed ?? new Map<number, string>(), last, multiple)) {
      channel.unconfirmed?.delete(tag);
      this.count.confirmed(topic);
      this.count.publishEnded(topic);
    }
  }

  #settle(channel: Channel, last: number, multiple: boolean, how: 'ack' | 'drop' | 'nack' | 'reject'): void {
    const all = multiple && last === 0;
    for (const [tag, { topic, queue }] of upTo(channel.unsettled, all ? Number.POSITIVE_INFINITY : last, multiple)) {
      channel.unsettled.delete(tag);
      if (how === 'ack') this.count.acked(topic, queue);
      else if (how === 'drop') this.count.rejected(topic, queue);
      else this.count.requeued(topic, how);
    }
  }

  #requeueAll(channel: Channel, reason: string): void {
    for (const { topic } of channel.unsettled.values()) this.count.requeued(topic, reason);
    channel.unsettled.clear();
  }

  #endChannel(id: number, unknown: string, requeued: string): void {
    const channel = this.#channels.get(id);
    if (channel === undefined) return;
    for (const topic of channel.unconfirmed?.values() ?? []) this.count.publishUnknown(topic, unknown);
    this.#requeueAll(channel, requeued);
    this.#channels.delete(id);
  }
}

const AT_CLOSE = 'unconfirmed_at_close';
const NOTHING: Content = {
  what: 'return',
  topic: '',
  queue: '',
  noAck: false,
  tag: 0,
  redelivered: false,
  deadLettered: false,
  size: 0,
  remaining: 0,
};

/** What one settlement covers; tags are held in ascending order. */
function* upTo<T>(open: Map<number, T>, last: number, multiple: boolean): Iterable<[number, T]> {
  const one = open.get(last);
  if (!multiple && one !== undefined) yield [last, one];
  if (!multiple) return;
  for (const entry of open) {
    if (entry[0] > last) return;
    yield entry;
  }
}

const short = (payload: Buffer, at: number): string => payload.toString('utf8', at + 1, at + 1 + payload[at]);
const tagAt = (payload: Buffer, at: number): number => Number(payload.readBigUInt64BE(at));

function delivery(what: 'deliver' | 'get', payload: Buffer, at: number, queue: string, noAck: boolean): Content {
  const exchange = short(payload, at + 9);
  const topic = exchange || short(payload, at + 10 + exchange.length);
  return { ...NOTHING, what, topic, queue, noAck, tag: tagAt(payload, at), redelivered: payload[at + 8] !== 0 };
}
