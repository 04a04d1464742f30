/** What is remembered of a publish besides its names and times: a bit each, in Run.marks and all that is made of it. */
export const MANDATORY = 1;
/** the mandatory bit is ours, not the app's */
export const SHADOW = 2;
/** we added traceparent; without it the context is the app's own */
export const TRACE_ADDED = 4;
/** we added x-tracehare-sent */
export const SENT_ADDED = 8;
/** the message came without a headers table */
export const TABLE_ADDED = 16;
/** a return of it is no loss: it may be delivered all the same (docs/broker-facts.md#direct-reply-to, docs/broker-facts.md#delayed-messages) */
export const RETURN_IS_EMPTY = 32;
/** a fault kept it from the broker, in a transaction: lost if that is committed */
export const DROPPED = 64;
/** the app set immediate, which brokers refuse */
export const IMMEDIATE = 128;
/** an expiration that is no number of milliseconds */
export const EXPIRATION = 256;
/** a user-id, which must be that of the connection */
export const USER_ID = 512;
/** what a broker may refuse a publish for, besides its names and size */
export const SUSPICIOUS = IMMEDIATE | EXPIRATION | USER_ID;

/** Contexts of further formats that we added beside traceparent, or to the app's own: a bit each from here on. */
const FURTHER_AT = 10;
export const FURTHER_ADDED = 0b11111 << FURTHER_AT;

/** The marks of a publish to which these contexts were added (TraceContext.added). */
export const contextMarks = (added: number): number =>
  ((added & 1) === 0 ? 0 : TRACE_ADDED) | ((added >>> 1) << FURTHER_AT);

/** The reverse. */
export const contextsOf = (marks: number): number =>
  ((marks & TRACE_ADDED) === 0 ? 0 : 1) | ((marks & FURTHER_ADDED) >>> (FURTHER_AT - 1));
