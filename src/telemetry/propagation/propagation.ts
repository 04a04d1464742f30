import { copyWords, viewOf } from '../../amqp/bytes.ts';
import type { ContentHeader } from '../../amqp/content.ts';
import { writeKey } from '../../amqp/content.ts';
import type { Cause, Interceptor, TraceContext } from '../../proxy/ports/interceptor.ts';
import { observedHeaders, TRACEPARENT, TRACESTATE } from '../../proxy/ports/interceptor.ts';
import type { WantedContexts } from '../contexts/contexts.ts';
import { FurtherContexts } from '../contexts/further.ts';
import type { IdPool } from '../traces/ids.ts';
import {
  BLANK_TRACEPARENT,
  FLAG_SAMPLED,
  fillTraceparent,
  markSampled,
  parseTraceparent,
  TRACEPARENT_LENGTH,
} from '../traces/traceparent.ts';
import type { Sampler } from './sampling.ts';
import { StartedContexts } from './started-contexts.ts';

const ZERO = 0x30;

/** Words of TraceContext.ids, from `at` on. */
const TRACE = 0;
const SPAN = 4;
const PARENT = 6;

/** Key, type S (the only one every client reads as a string) and length: only the value changes. */
const VALUE_AT = 17;
const ENTRY_BYTES = VALUE_AT + TRACEPARENT_LENGTH;
const ENTRY = Buffer.alloc(ENTRY_BYTES);
ENTRY.writeUInt32BE(TRACEPARENT_LENGTH, writeKey(ENTRY, 0, 'traceparent', 'S'));
ENTRY.write(BLANK_TRACEPARENT, VALUE_AT, 'latin1');
const ENTRY_VIEW = viewOf(ENTRY);

export interface PropagationOptions {
  sampler: Sampler;
  ids: IdPool;
  /** messages of unsampled traces get a context with flag 00 */
  injectUnsampled: boolean;
  /** default: W3C's alone */
  contexts?: WantedContexts;
}

/** Bit of TraceContext.added. */
const W3C = 1;

/**
 * Trace context in message headers: continues the app's own, starts and injects one where there is
 * none or an invalid one, and decides whether the message is sampled. traceparent comes first; what else
 * is wanted is read where that is missing, and added beside it.
 */
export function createPropagation({
  sampler,
  ids,
  injectUnsampled,
  contexts: { w3c, further: formats } = { w3c: true, further: [] },
}: PropagationOptions): Interceptor {
  const further = formats.length === 0 ? undefined : new FurtherContexts(formats, observedHeaders.length);
  const started = new StartedContexts(ids, ENTRY, VALUE_AT);
  /** trace id and span id as a traceparent holds them */
  const words = new Uint32Array(6);

  /** The flags of the message's own context, in `context.ids` then; -1 without a valid one. */
  function own(header: ContentHeader, context: TraceContext): number {
    let flags = w3c ? traceparent(header) : -1;
    context.isW3c = flags >= 0;
    if (flags < 0 && further !== undefined) flags = further.read(header, words);
    if (flags < 0) return -1;
    const { ids, at: place } = context;
    for (let i = 0; i < 4; i++) ids[place + TRACE + i] = words[i];
    ids[place + PARENT] = words[4];
    ids[place + PARENT + 1] = words[5];
    context.hasParent = true;
    context.traced = true;
    return flags;
  }

  function traceparent(header: ContentHeader): number {
    const at = header.stringAt(TRACEPARENT);
    return at < 0 ? -1 : parseTraceparent(header.buf as Buffer, at, header.stringLength(TRACEPARENT), words, 0);
  }

  /** By the last digit alone: good enough to skip what would not be exported whatever it turned out to be. */
  function saysUnsampled(header: ContentHeader): boolean {
    const at = header.stringAt(TRACEPARENT);
    return (
      at >= 0 &&
      header.stringLength(TRACEPARENT) === TRACEPARENT_LENGTH &&
      header.buf[at + TRACEPARENT_LENGTH - 1] === ZERO
    );
  }

  function start(context: TraceContext, now: number): void {
    ids.traceId(context.ids, context.at + TRACE);
    decide(context, now);
  }

  /** On a trace that starts here. */
  function decide(context: TraceContext, now: number): void {
    context.hasParent = false;
    context.isW3c = false;
    context.sampled = sampler.root(context.ids, context.at + TRACE, now, context.ratio);
  }

  /** It is of the trace of what it comes of. */
  function adopt(context: TraceContext, cause: Cause, now: number): void {
    const { ids, at } = context;
    for (let i = 0; i < 4; i++) ids[at + TRACE + i] = cause.ids[TRACE + i];
    ids[at + PARENT] = cause.ids[SPAN];
    ids[at + PARENT + 1] = cause.ids[SPAN + 1];
    context.hasParent = true;
    context.adopted = true;
    context.sampled = sampler.child(cause.sampled, ids, at + TRACE, now);
  }

  /** A traceparent of the message's own span. Returns its bytes. */
  function inject(context: TraceContext, view: DataView, at: number): number {
    copyWords(ENTRY_VIEW, 0, ENTRY_BYTES, view, at);
    fillTraceparent(context.ids, context.at + TRACE, context.sampled, view, at + VALUE_AT);
    context.added = W3C;
    return ENTRY_BYTES;
  }

  /** The message has no valid context. Returns the bytes written to `view` at `at`. */
  function begin(context: TraceContext, view: DataView, at: number, now: number): number {
    context.traced = true;
    context.added = 0;
    const { cause } = context;
    if (w3c && injectUnsampled && !cause?.adopts) {
      started.take(context.ids, context.at + TRACE, view, at);
      decide(context, now);
      if (context.sampled) markSampled(view, at + VALUE_AT);
      context.added = W3C;
      return ENTRY_BYTES;
    }
    ids.spanId(context.ids, context.at + SPAN);
    if (cause?.adopts) adopt(context, cause, now);
    else start(context, now);
    if (!w3c || (!context.sampled && !injectUnsampled)) return 0;
    return inject(context, view, at);
  }

  return {
    headers: further?.headers ?? [],

    headersOf: (added) => ((added & W3C) === 0 ? 0 : 1 << TRACEPARENT) | (further?.headersOf(added) ?? 0),

    readContext(header, context) {
      context.traced = false;
      own(header, context);
    },

    onPublish(header, context, edit, now) {
      const flags = own(header, context);
      let added: number;
      if (flags >= 0) {
        ids.spanId(context.ids, context.at + SPAN);
        context.sampled = sampler.child((flags & FLAG_SAMPLED) !== 0, context.ids, context.at + TRACE, now);
        context.added = 0;
        if (further === undefined) return;
        if (context.isW3c) {
          // the context that the message has already, as it says itself
          const isSampled = (flags & FLAG_SAMPLED) !== 0;
          edit.added = further.add(header, context, PARENT, isSampled, edit.view, edit.added);
          return;
        }
        added = context.sampled || injectUnsampled ? inject(context, edit.view, edit.added) : 0;
      } else added = begin(context, edit.view, edit.added, now);
      if (added === 0) return;
      edit.added += added;
      // an invalid context is none (W3C): ours replaces it, and its tracestate belongs to nothing
      if (header.value(TRACEPARENT) >= 0) edit.remove |= 1 << TRACEPARENT;
      if (header.value(TRACESTATE) >= 0) edit.remove |= 1 << TRACESTATE;
      if (further !== undefined)
        edit.added = further.add(header, context, SPAN, context.sampled, edit.view, edit.added);
    },

    onBarePublish(context, view, at, now) {
      const added = begin(context, view, at, now);
      if (further === undefined || added === 0) return added;
      return further.add(undefined, context, SPAN, context.sampled, view, at + added) - at;
    },

    onDeliver(header, context, autoAck, now) {
      if (autoAck && w3c && sampler.byParent && saysUnsampled(header)) return;
      const flags = own(header, context);
      if (flags >= 0)
        context.sampled = sampler.child((flags & FLAG_SAMPLED) !== 0, context.ids, context.at + TRACE, now);
      else {
        // published past every Tracehare and SDK: the trace starts at its consumer, if it is to be seen at all
        start(context, now);
        context.traced = context.sampled;
      }
      if (context.sampled) ids.spanId(context.ids, context.at + SPAN);
    },
  };
}
