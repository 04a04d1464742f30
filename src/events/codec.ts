import type { DeliveryEnded, OtherEvent } from './lifecycle.ts';
import { type More, type Names, NOTHING_MORE, type Passage, WATCHED } from './passage.ts';

/** What a record's first byte says of the rest. */
export const EVENT = 0;
export const NAMES = 1;
export const PASSAGE = 2;

/** No text of an event is longer, in UTF-16 units. */
const MAX_TEXT = 1024;

/** Most bytes a record can take: none has more than 10 texts of at most 3 bytes a unit and 32 of at most 255 units, or, as JSON, 10 of at most 6. */
export const MAX_RECORD = 1 << 16;

/** In a text's length: its bytes are UTF-8, not ASCII. */
const UTF8 = 0x8000;

const VIAS: readonly Names['via'][] = ['publish', 'deliver', 'get'];
const OUTCOMES: readonly DeliveryEnded['outcome'][] = ['success', 'failed', 'requeued', 'unknown'];
const SETTLEMENTS: readonly Passage['settlement'][] = [
  '',
  'ack',
  'auto-ack',
  'reject',
  'nack',
  'recover',
  'consumer_cancelled',
  'channel_closed',
  'connection_closed',
  'none',
];

/** Where the fields of a passage stand. */
const OUTCOME = 1;
const SETTLEMENT = 2;
const BITS = 3;
const NAMES_NUMBER = 4;
const IDS = 8;
const STARTED_AT = 40;
const ENDED_AT = 48;
const BODY_SIZE = 56;
const NUMBER = 64;
const LATENCY = 72;
/** one octet: whether a reason and `more` follow, and the bit that has no room in BITS */
const REST = 80;
const HAS_REASON = 1;
const HAS_MORE = 2;
const IS_WATCHED = 4;

/**
 * Writes names and passages field by field, passages with each field in its place. All other events are JSON.
 * One file because what writes a record and what reads it have to agree on each of its bytes.
 */
export class RecordEncoder {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Writes the event at `at`, behind which there are MAX_RECORD bytes; returns how many it took. `names` and `passage` do the same. */
  event(event: OtherEvent, at: number): number {
    this.#bytes[at] = EVENT;
    return 1 + this.#bytes.write(JSON.stringify(event, clip), at + 1);
  }

  names(names: Names, at: number): number {
    this.#bytes[at] = NAMES;
    this.#bytes[at + 1] = VIAS.indexOf(names.via);
    this.#at = at + 2;
    this.#number(names.number);
    this.#number(names.connection);
    this.#number(names.channel);
    this.#text(names.exchange);
    this.#text(names.routingKey);
    this.#text(names.topic);
    this.#text(names.pipeline);
    this.#text(names.queue);
    this.#text(names.consumerTag);
    return this.#at - at;
  }

  passage(passage: Passage, at: number): number {
    const view = this.#view;
    const { ids, idsAt, reason, more } = passage;
    view.setUint8(at, PASSAGE);
    view.setUint8(at + OUTCOME, OUTCOMES.indexOf(passage.outcome));
    view.setUint8(at + SETTLEMENT, SETTLEMENTS.indexOf(passage.settlement));
    view.setUint8(at + BITS, passage.bits);
    view.setUint32(at + NAMES_NUMBER, passage.names.number, true);
    for (let i = 0; i < 8; i++) view.setUint32(at + IDS + i * 4, ids[idsAt + i], true);
    view.setFloat64(at + STARTED_AT, passage.startedAt, true);
    view.setFloat64(at + ENDED_AT, passage.endedAt, true);
    view.setFloat64(at + BODY_SIZE, passage.bodySize, true);
    view.setFloat64(at + NUMBER, passage.number, true);
    view.setFloat64(at + LATENCY, passage.latency, true);
    const watched = (passage.bits & WATCHED) === 0 ? 0 : IS_WATCHED;
    view.setUint8(at + REST, (reason === '' ? 0 : HAS_REASON) | (more === NOTHING_MORE ? 0 : HAS_MORE) | watched);
    this.#at = at + REST + 1;
    if (reason !== '') this.#text(reason);
    if (more !== NOTHING_MORE) this.#more(more);
    return this.#at - at;
  }

  #more(more: More): void {
    this.#text(more.traceState);
    this.#text(more.messageId);
    this.#text(more.correlationId);
    this.#text(more.fault);
    this.#text(more.baggage);
    this.#number(more.replyCode);
    this.#text(more.replyText);
    this.#text(more.deadLetterQueue);
    this.#text(more.deadLetterReason);
    this.#text(more.cause);
    this.#text(more.causeTraceId);
    this.#text(more.causeSpanId);
    this.#number(more.isCauseParent ? 1 : 0);
    this.#number(more.attempt);
    this.#number(more.firstPublished);
    this.#number(more.queuedAt);
    const { isContinued, earlier, delayPlanned, delayActual, headers } = more;
    this.#view.setUint8(this.#at++, earlier.length * 2 + Number(isContinued));
    for (const { attempt, startedAt, endedAt, settlement } of earlier) {
      this.#number(attempt);
      this.#number(startedAt);
      this.#number(endedAt);
      this.#number(SETTLEMENTS.indexOf(settlement));
    }
    const hasDelay = !Number.isNaN(delayPlanned);
    this.#view.setUint8(this.#at++, headers.length * 2 + Number(hasDelay));
    if (hasDelay) {
      this.#number(delayPlanned);
      this.#number(delayActual);
    }
    for (const [name, value] of headers) {
      this.#text(name);
      this.#text(value);
    }
  }

  #number(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
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

/** Texts that recur are remembered, so many of them, each at the place that a hash of its bytes says. */
const KEPT = 1024;
/** Longer texts are not kept. */
const MAX_KEPT = 64;

export class RecordDecoder {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #kept = new Array<string>(KEPT).fill('');
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Which kind of record lies at `at`: EVENT, NAMES or PASSAGE. */
  kind(at: number): number {
    return this.#bytes[at];
  }

  /** The event that takes `size` bytes at `at`. */
  event(at: number, size: number): OtherEvent {
    return JSON.parse(this.#bytes.toString('utf8', at + 1, at + size));
  }

  names(at: number): Names {
    this.#at = at + 2;
    return {
      via: VIAS[this.#bytes[at + 1]],
      number: this.#number(),
      connection: this.#number(),
      channel: this.#number(),
      exchange: this.#name(),
      routingKey: this.#name(),
      topic: this.#name(),
      pipeline: this.#name(),
      queue: this.#name(),
      consumerTag: this.#name(),
    };
  }

  /** The number of the names that the passage at `at` has. */
  namesNumber(at: number): number {
    return this.#view.getUint32(at + NAMES_NUMBER, true);
  }

  /** Reads all but its names into `passage`. */
  passage(at: number, passage: Passage): void {
    const view = this.#view;
    passage.outcome = OUTCOMES[view.getUint8(at + OUTCOME)];
    passage.settlement = SETTLEMENTS[view.getUint8(at + SETTLEMENT)];
    passage.bits = view.getUint8(at + BITS);
    const { ids, idsAt } = passage;
    for (let i = 0; i < 8; i++) ids[idsAt + i] = view.getUint32(at + IDS + i * 4, true);
    passage.startedAt = view.getFloat64(at + STARTED_AT, true);
    passage.endedAt = view.getFloat64(at + ENDED_AT, true);
    passage.bodySize = view.getFloat64(at + BODY_SIZE, true);
    passage.number = view.getFloat64(at + NUMBER, true);
    passage.latency = view.getFloat64(at + LATENCY, true);
    const rest = view.getUint8(at + REST);
    if ((rest & IS_WATCHED) !== 0) passage.bits |= WATCHED;
    this.#at = at + REST + 1;
    passage.reason = (rest & HAS_REASON) === 0 ? '' : this.#name();
    passage.more = (rest & HAS_MORE) === 0 ? NOTHING_MORE : this.#more();
  }

  #more(): More {
    const more = {
      traceState: this.#text(),
      messageId: this.#text(),
      correlationId: this.#text(),
      fault: this.#name(),
      baggage: this.#text(),
      replyCode: this.#number(),
      replyText: this.#name(),
      deadLetterQueue: this.#name(),
      deadLetterReason: this.#name(),
      cause: this.#name(),
      causeTraceId: this.#text(),
      causeSpanId: this.#text(),
      isCauseParent: this.#number() === 1,
      attempt: this.#number(),
      firstPublished: this.#number(),
      queuedAt: this.#number(),
    };
    const rounds = this.#view.getUint8(this.#at++);
    const earlier = this.#earlier(rounds >> 1);
    const rest = this.#view.getUint8(this.#at++);
    const hasDelay = (rest & 1) !== 0;
    return {
      ...more,
      isContinued: (rounds & 1) !== 0,
      earlier,
      delayPlanned: hasDelay ? this.#number() : Number.NaN,
      delayActual: hasDelay ? this.#number() : Number.NaN,
      headers: this.#headers(rest >> 1),
    };
  }

  #earlier(count: number): More['earlier'] {
    if (count === 0) return NOTHING_MORE.earlier;
    return Array.from({ length: count }, () => ({
      attempt: this.#number(),
      startedAt: this.#number(),
      endedAt: this.#number(),
      settlement: SETTLEMENTS[this.#number()] as DeliveryEnded['settlement'],
    }));
  }

  #headers(count: number): More['headers'] {
    if (count === 0) return NOTHING_MORE.headers;
    return Array.from({ length: count }, () => [this.#name(), this.#text()] as const);
  }

  #number(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  #text(): string {
    const length = this.#view.getUint16(this.#at, true);
    const start = this.#at + 2;
    const end = start + (length & ~UTF8);
    this.#at = end;
    if (length === 0) return '';
    return this.#bytes.toString((length & UTF8) === 0 ? 'latin1' : 'utf8', start, end);
  }

  /** A text that has likely been read before: then it is found by its bytes, and no new string is made. */
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
