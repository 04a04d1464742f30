import type { DeliveryEnded, LifecycleEvent, PublishEnded } from './lifecycle.ts';

/** What an event's first byte says of the rest. */
const JSON_TEXT = 0;
const PUBLISH_ENDED = 1;
const DELIVERY_ENDED = 2;

/** No text of an event is longer, in UTF-16 units. */
const MAX_TEXT = 1024;

/** Most bytes an event can take: none has more than 20 texts, of at most 3 bytes a unit, or 10 of 6 as JSON. */
export const MAX_EVENT = 1 << 16;

/** In a text's length: its bytes are UTF-8, not ASCII. */
const UTF8 = 0x8000;

/**
 * Events as bytes. Those of messages can be as many as the messages: their fields are written and
 * read in straight lines of code, a fifth of what a loop over field names costs. All others are JSON.
 */
export class EventEncoder {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Writes the event at `at`, behind which there are MAX_EVENT bytes; returns how many it took. */
  encode(event: LifecycleEvent, at: number): number {
    this.#at = at + 1;
    if (event.type === 'publish.ended') {
      this.#bytes[at] = PUBLISH_ENDED;
      this.#publishEnded(event);
    } else if (event.type === 'delivery.ended') {
      this.#bytes[at] = DELIVERY_ENDED;
      this.#deliveryEnded(event);
    } else {
      this.#bytes[at] = JSON_TEXT;
      this.#at += this.#bytes.write(JSON.stringify(event, clip), this.#at);
    }
    return this.#at - at;
  }

  #publishEnded(event: PublishEnded): void {
    this.#passage(event);
    this.#number(event.sequence);
    this.#text(event.outcome);
    this.#text(event.reason);
    this.#flag(event.confirmed);
    this.#number(event.replyCode);
    this.#text(event.replyText);
  }

  #deliveryEnded(event: DeliveryEnded): void {
    this.#passage(event);
    this.#number(event.deliveryTag);
    this.#text(event.via);
    this.#text(event.queue);
    this.#text(event.consumerTag);
    this.#flag(event.redelivered);
    this.#text(event.settlement);
    this.#text(event.outcome);
    this.#text(event.reason);
    this.#flag(event.lost);
    this.#number(event.latency);
    this.#text(event.deadLetterQueue);
    this.#text(event.deadLetterReason);
  }

  #passage(event: PublishEnded | DeliveryEnded): void {
    this.#number(event.connection);
    this.#number(event.channel);
    this.#text(event.exchange);
    this.#text(event.routingKey);
    this.#text(event.topic);
    this.#text(event.pipeline);
    this.#number(event.startedAt);
    this.#number(event.endedAt);
    this.#text(event.traceId);
    this.#text(event.spanId);
    this.#text(event.parentSpanId);
    this.#text(event.traceState);
    this.#flag(event.sampled);
    this.#number(event.bodySize);
    this.#text(event.messageId);
    this.#text(event.correlationId);
    this.#text(event.fault);
  }

  #number(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  #flag(value: boolean): void {
    this.#bytes[this.#at++] = value ? 1 : 0;
  }

  #text(text: string): void {
    const bytes = this.#bytes;
    const start = this.#at + 2;
    const { length } = text;
    let ascii = length <= MAX_TEXT;
    for (let i = 0; ascii && i < length; i++) {
      const code = text.charCodeAt(i);
      bytes[start + i] = code;
      ascii = code < 0x80;
    }
    const size = ascii ? length : bytes.write(text.slice(0, MAX_TEXT), start);
    this.#view.setUint16(this.#at, ascii ? size : size | UTF8, true);
    this.#at = start + size;
  }
}

const clip = (_: string, value: unknown): unknown => (typeof value === 'string' ? value.slice(0, MAX_TEXT) : value);

/** Texts that recur are kept in so many places, by a hash of their bytes. */
const KEPT = 1024;
/** Longer texts are not kept. */
const MAX_KEPT = 64;

export class EventDecoder {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #kept = new Array<string>(KEPT).fill('');
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The event that takes `size` bytes at `at`. */
  decode(at: number, size: number): LifecycleEvent {
    this.#at = at + 1;
    const kind = this.#bytes[at];
    if (kind === PUBLISH_ENDED) return this.#publishEnded();
    if (kind === DELIVERY_ENDED) return this.#deliveryEnded();
    return JSON.parse(this.#bytes.toString('utf8', at + 1, at + size));
  }

  #publishEnded(): PublishEnded {
    return {
      type: 'publish.ended',
      connection: this.#number(),
      channel: this.#number(),
      exchange: this.#name(),
      routingKey: this.#name(),
      topic: this.#name(),
      pipeline: this.#name(),
      startedAt: this.#number(),
      endedAt: this.#number(),
      traceId: this.#text(),
      spanId: this.#text(),
      parentSpanId: this.#text(),
      traceState: this.#text(),
      sampled: this.#flag(),
      bodySize: this.#number(),
      messageId: this.#text(),
      correlationId: this.#text(),
      fault: this.#name(),
      sequence: this.#number(),
      outcome: this.#name() as PublishEnded['outcome'],
      reason: this.#name(),
      confirmed: this.#flag(),
      replyCode: this.#number(),
      replyText: this.#name(),
    };
  }

  #deliveryEnded(): DeliveryEnded {
    return {
      type: 'delivery.ended',
      connection: this.#number(),
      channel: this.#number(),
      exchange: this.#name(),
      routingKey: this.#name(),
      topic: this.#name(),
      pipeline: this.#name(),
      startedAt: this.#number(),
      endedAt: this.#number(),
      traceId: this.#text(),
      spanId: this.#text(),
      parentSpanId: this.#text(),
      traceState: this.#text(),
      sampled: this.#flag(),
      bodySize: this.#number(),
      messageId: this.#text(),
      correlationId: this.#text(),
      fault: this.#name(),
      deliveryTag: this.#number(),
      via: this.#name() as DeliveryEnded['via'],
      queue: this.#name(),
      consumerTag: this.#name(),
      redelivered: this.#flag(),
      settlement: this.#name() as DeliveryEnded['settlement'],
      outcome: this.#name() as DeliveryEnded['outcome'],
      reason: this.#name(),
      lost: this.#flag(),
      latency: this.#number(),
      deadLetterQueue: this.#name(),
      deadLetterReason: this.#name(),
    };
  }

  #number(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  #flag(): boolean {
    return this.#bytes[this.#at++] === 1;
  }

  #text(): string {
    const length = this.#view.getUint16(this.#at, true);
    const start = this.#at + 2;
    const end = start + (length & ~UTF8);
    this.#at = end;
    if (length === 0) return '';
    return this.#bytes.toString((length & UTF8) === 0 ? 'latin1' : 'utf8', start, end);
  }

  /** A text that has likely been there before: then it is found by its bytes, and no string is made. */
  #name(): string {
    const bytes = this.#bytes;
    const length = this.#view.getUint16(this.#at, true);
    if (length === 0 || length > MAX_KEPT) return this.#text();
    const start = this.#at + 2;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[start + i]) | 0;
    const place = (hash ^ (hash >>> 15)) & (KEPT - 1);
    const kept = this.#kept[place];
    let same = kept.length === length;
    for (let i = 0; same && i < length; i++) same = kept.charCodeAt(i) === bytes[start + i];
    if (same) {
      this.#at = start + length;
      return kept;
    }
    const name = this.#text();
    this.#kept[place] = name;
    return name;
  }
}
