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
