import type { Passed } from '../open-messages/window.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';

/** What a publish carries with it; bits of Window.bits, beside HAS_PARENT, TRACED and SAMPLED (events/passage.ts). */
export const MANDATORY = 1;
export const RETURNED = 2;
/** we added traceparent; without it the context is the app's own */
export const TRACE_ADDED = 4;
/** we added x-tracehare-sent */
export const SENT_ADDED = 128;
/** the mandatory bit is ours, not the app's */
export const SHADOW = 256;
/** a return of it says nothing: it may be delivered all the same (FACTS, 0 and C) */
export const RETURN_IS_EMPTY = 512;
/** the message came without a headers table */
export const TABLE_ADDED = 8;

/** not forwarded, in a transaction: lost if it is committed */
export const DROPPED = 2048;

/** The publish at hand: between its method frame and its last body byte. */
export interface Publishing extends Passed<PublishTally> {
  /** x-tracehare-sent as it goes out, NaN without one */
  stamp: number;
  /** faults that struck it, separated by commas */
  fault: string;
}

/** A message that came back: what its basic.return and its header say. */
export interface Returned {
  route: Route<PublishTally>;
  /** trace and span of its context; undefined without one */
  ids: Uint32Array | undefined;
  /** x-tracehare-sent, NaN without one */
  stamp: number;
  /** of the body */
  size: number;
  code: number;
  reply: string;
}
