import type { ContentHeader } from '../../amqp/content.ts';

/** The message headers located in every content header, by position in `observedHeaders`. */
export const TRACEPARENT = 0;
export const TRACESTATE = 1;
export const SENT = 2;
export const X_DEATH = 3;
export const X_DELAY = 4;
export const X_STREAM_OFFSET = 5;
export const observedHeaders = [
  'traceparent',
  'tracestate',
  'x-tracehare-sent',
  'x-death',
  'x-delay',
  'x-stream-offset',
] as const;

/** Room for what an interceptor adds to a message without observed headers. */
export const MOST_BARE_BYTES = 640;

/** What an interceptor wants done to the headers of the publish at hand. Reused for every message. */
export interface HeaderEdit {
  /** whole table entries to add, in entries[0, added) */
  readonly entries: Uint8Array;
  /** the same bytes */
  readonly view: DataView;
  added: number;
  /** observed headers to take away: a bit per position */
  remove: number;
}

/** How it is known that a message comes of a delivery: the value of `tracehare.cause`. */
export type Evidence =
  /** it answers the request that was delivered, at the address and with the correlation id which that named */
  | 'reply'
  /** it carries on the context of the message that was delivered */
  | 'traceparent'
  | 'correlation_id'
  | 'message_id'
  /** the delivery is the only one that the app's connection holds */
  | 'only_open_delivery';

/** The delivery that a publish is known to come of. */
export interface Cause {
  readonly evidence: Evidence;
  /** trace id in words 0–3, the span of the delivery in 4–5, that of the message's own context in 6–7 (0: it had none) */
  readonly ids: Uint32Array;
  /** its trace is recorded; where its span is not, or not in that trace, words 4–5 are as 6–7 */
  readonly sampled: boolean;
  /** a publish without a context of its own becomes its child */
  readonly adopts: boolean;
}

/** The trace of the message at hand. Reused for every message. */
export interface TraceContext {
  /**
   * From `at` on: trace id in words 0–3, this passage's span id in 4–5, the parent's in 6–7; meaningless unless
   * `traced`. The data plane sets both to where the ids of the message at hand are kept.
   */
  ids: Uint32Array;
  at: number;
  /** `ids` were filled in */
  traced: boolean;
  /** the message came with a context of its own: the parent's span id is known */
  hasParent: boolean;
  /** that parent is of a traceparent: a tracestate goes with it */
  isW3c: boolean;
  /** contexts that were added to the message: bit 0 for traceparent, one each for further formats */
  added: number;
  sampled: boolean;
  /** set by the data plane: the share of new traces that the message's rule samples; undefined: no rule says */
  ratio: number | undefined;
  /** set by the data plane: what the publish at hand is known to come of */
  cause: Cause | undefined;
  /** `cause` is the parent, as the message came without a context of its own */
  adopted: boolean;
}

/**
 * Touches a message before it is forwarded: synchronous, on the traffic thread, no allocation per
 * message. One that throws is counted and the message passes untouched.
 */
export interface Interceptor {
  /** Names of headers that it reads beside `observedHeaders`: they are located too, behind those. */
  readonly headers: readonly string[];
  /** The known headers that contexts of these formats (as in TraceContext.added) consist of: a bit per position. */
  headersOf(added: number): number;
  /** Fills trace id and parent from the message's own headers; no decision, no ids drawn. */
  readContext(header: ContentHeader, context: TraceContext): void;
  onPublish(header: ContentHeader, context: TraceContext, edit: HeaderEdit, now: number): void;
  /**
   * `onPublish` for a message without any of the observed headers: writes the entries it adds to
   * `view` at `at`, at most MOST_BARE_BYTES, and returns their bytes.
   */
  onBarePublish(context: TraceContext, view: DataView, at: number, now: number): number;
  /** `autoAck`: nothing but a span can come of this delivery, so an unsampled one needs no ids. */
  onDeliver(header: ContentHeader, context: TraceContext, autoAck: boolean, now: number): void;
}
