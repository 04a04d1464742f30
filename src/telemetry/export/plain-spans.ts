import { viewOf } from '../../amqp/bytes.ts';
import {
  CONFIRMED,
  HAS_PARENT,
  type Names,
  NOTHING_MORE,
  type Passage,
  REDELIVERED,
  SAMPLED,
} from '../../events/passage.ts';
import type { Connection } from '../connections.ts';
import { type AttributeWriter, headerKey, isHeaderKey, KEY, type Key } from './attributes.ts';
import { SPAN, SpanAttributes, spanFlags, writeQueued, writeStatus } from './otlp-span.ts';
import { ProtobufWriter, setNanoseconds } from './protobuf.ts';
import { PassageSpan, type SpanOrigin, type SpanSource } from './spans.ts';

/** Places of templates; whose is taken is made anew. */
const PLACES = 1024;

// Where in a template stands what each span has of its own.
const TRACE_ID = 2;
const SPAN_ID = 20;
const START_TIME = 29;
const END_TIME = 38;
const PARENT_ID = 48;

/** Attributes that are not in the template. */
const OWN: readonly Key[] = [
  KEY.sequence,
  KEY.deliveryTag,
  KEY.latency,
  KEY.bodySize,
  KEY.messageId,
  KEY.conversationId,
];

/** Nothing about it but what `PlainSpans` knows. */
export function isPlain({ passage, consumer, part }: SpanSource): boolean {
  const { outcome, settlement, reason, bits, more, names } = passage;
  return (
    part === 'passage' &&
    (bits & SAMPLED) !== 0 &&
    outcome === 'success' &&
    reason === '' &&
    settlement !== 'nack' &&
    settlement !== 'reject' &&
    (bits & REDELIVERED) === 0 &&
    (more === NOTHING_MORE || saysIdsAlone(more)) &&
    (consumer === 'parent' || (bits & HAS_PARENT) === 0 || names.via === 'publish')
  );
}

const saysIdsAlone = (more: Passage['more']): boolean =>
  more.traceState === '' &&
  more.fault === '' &&
  more.baggage === '' &&
  more.replyCode === 0 &&
  more.deadLetterQueue === '' &&
  more.cause === '' &&
  more.attempt === 1 &&
  more.queuedAt === 0 &&
  Number.isNaN(more.delayPlanned);

/**
 * Spans of messages with which all is well: they have most of their bytes in common with those of the same route
 * that ended alike. These are written once, as `writeSpan` would, copied, and a few places in them changed:
 * a tenth of what `writeSpan` takes (npm run micro). That one alone has to know what a span is made of; tests
 * hold the two against each other.
 */
export class PlainSpans {
  readonly #origin: SpanOrigin;
  readonly #templates = new Array<Template | undefined>(PLACES).fill(undefined);
  /** whose span was the last one of a place */
  readonly #seen = new Array<Names | undefined>(PLACES).fill(undefined);

  constructor(origin: SpanOrigin) {
    this.#origin = origin;
  }

  /** Of a source that `isPlain`. False, and nothing written, if it is the first one of its names: the only one, perhaps. */
  write(source: SpanSource, to: ProtobufWriter): boolean {
    const template = this.#template(source);
    if (template === undefined) return false;
    const { passage, ids } = source;
    const start = to.copy(template.bytes);
    const { view } = to;
    for (let i = 0; i < 4; i++) view.setUint32(start + TRACE_ID + i * 4, ids[i]);
    for (let i = 0; i < 2; i++) view.setUint32(start + SPAN_ID + i * 4, ids[4 + i]);
    const startedAt = Math.round(passage.startedAt);
    setNanoseconds(view, start + START_TIME, startedAt);
    setNanoseconds(view, start + END_TIME, Math.max(startedAt, Math.round(passage.endedAt)));
    if ((passage.bits & HAS_PARENT) !== 0) {
      for (let i = 0; i < 2; i++) view.setUint32(start + PARENT_ID + i * 4, passage.ids[passage.idsAt + 6 + i]);
    }
    if (passage.names.via === 'publish') {
      if (passage.number > 0) to.numberAttribute(SPAN.attributes, KEY.sequence.encoded, passage.number);
    } else {
      if (passage.number > 0) to.numberAttribute(SPAN.attributes, KEY.deliveryTag.encoded, passage.number);
      const { latency } = passage;
      if (!Number.isNaN(latency)) {
        to.numberAttribute(SPAN.attributes, KEY.latency.encoded, latency);
        if (source.queue === 'event') writeQueued(passage, to);
      }
    }
    to.numberAttribute(SPAN.attributes, KEY.bodySize.encoded, passage.bodySize);
    const { messageId, correlationId, headers } = passage.more;
    if (messageId !== '') to.textAttribute(SPAN.attributes, KEY.messageId.encoded, messageId);
    if (correlationId !== '') to.textAttribute(SPAN.attributes, KEY.conversationId.encoded, correlationId);
    for (const [name, value] of headers) to.textAttribute(SPAN.attributes, headerKey(name).encoded, value);
    return true;
  }

  #template(source: SpanSource): Template | undefined {
    const { names } = source.passage;
    const place = names.number & (PLACES - 1);
    const template = this.#templates[place];
    if (template?.fits(source)) return template;
    if (this.#seen[place] !== names) {
      this.#seen[place] = names;
      return undefined;
    }
    const made = new Template(source, this.#origin);
    this.#templates[place] = made;
    return made;
  }
}

/** It is empty before and after. */
const scratch = new ProtobufWriter();

class Template {
  readonly bytes: DataView;
  readonly #names: Names;
  readonly #connection: Connection | undefined;
  readonly #settlement: Passage['settlement'];
  readonly #bits: number;

  constructor(source: SpanSource, origin: SpanOrigin) {
    const { names, settlement, bits } = source.passage;
    this.#names = names;
    this.#connection = source.connection;
    this.#settlement = settlement;
    this.#bits = bits & (HAS_PARENT | CONFIRMED);
    const span = new PassageSpan(source, origin);
    const attributes = new SpanAttributes(scratch);
    scratch.hex(SPAN.traceId, span.traceId);
    scratch.hex(SPAN.spanId, span.spanId);
    scratch.nanoseconds(SPAN.startTime, span.startMicros);
    scratch.nanoseconds(SPAN.endTime, span.endMicros);
    if (span.parentSpanId !== '') scratch.hex(SPAN.parentSpanId, span.parentSpanId);
    scratch.string(SPAN.name, span.name);
    scratch.number(SPAN.kind, span.kind + 1);
    span.writeRoute(attributes);
    // its events are of the message at hand
    span.writeMessage(new AllBut(OWN, attributes));
    writeStatus(span.status, scratch);
    scratch.fixed32(SPAN.flags, spanFlags(span));
    this.bytes = viewOf(Uint8Array.from(scratch.written()));
    scratch.clear();
  }

  fits({ passage, connection }: SpanSource): boolean {
    return (
      passage.names === this.#names &&
      connection === this.#connection &&
      passage.settlement === this.#settlement &&
      (passage.bits & (HAS_PARENT | CONFIRMED)) === this.#bits
    );
  }
}

/** Leaves attributes out. */
class AllBut implements AttributeWriter {
  readonly #out: readonly Key[];
  readonly #to: AttributeWriter;

  constructor(out: readonly Key[], to: AttributeWriter) {
    this.#out = out;
    this.#to = to;
  }

  text(key: Key, value: string): void {
    if (!this.#out.includes(key) && !isHeaderKey(key)) this.#to.text(key, value);
  }

  number(key: Key, value: number): void {
    if (!this.#out.includes(key)) this.#to.number(key, value);
  }

  flag(key: Key, value: boolean): void {
    if (!this.#out.includes(key)) this.#to.flag(key, value);
  }
}
