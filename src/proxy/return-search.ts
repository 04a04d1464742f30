import { HAS_PARENT } from '../events/passage.ts';
import type { PublishTally } from './observer.ts';
import { MANDATORY, RETURNED, type Returned, SHADOW } from './publish.ts';
import type { Route } from './routes.ts';
import { isShadowStamp } from './sent-stamp.ts';
import { IDS, type Window } from './window.ts';

/** Finds which publish of a channel a basic.return is of: identity is the sequence, what it carries only finds it. */
export class ReturnSearch {
  readonly #open: Window<PublishTally>;
  /** behind the last one found: returns come in publish order */
  #cursor = 0;
  /** the app set mandatory itself, at least once */
  #asksForReturns = false;

  constructor(open: Window<PublishTally>) {
    this.#open = open;
  }

  /** A publish passes; `bits` as of Window.bits. */
  passed(bits: number): void {
    if ((bits & (MANDATORY | SHADOW)) === MANDATORY) this.#asksForReturns = true;
  }

  /** Of a return whose publish is no longer known: whether the app never asked for it. */
  wasShadow({ route, stamp }: Returned): boolean {
    if (!this.#asksForReturns) return true;
    return route.treatment.propagate && !Number.isNaN(stamp) && isShadowStamp(stamp);
  }

  /** The publish's sequence, or -1. */
  find(message: Returned): number {
    let found = this.#between(this.#cursor, Number.POSITIVE_INFINITY, message);
    if (found < 0) found = this.#between(0, this.#cursor, message);
    if (found >= 0) this.#cursor = found + 1;
    return found;
  }

  #between(from: number, to: number, message: Returned): number {
    const open = this.#open;
    for (let n = open.first(from); n >= 0 && n < to; n = open.first(n + 1)) if (this.#matches(n, message)) return n;
    return -1;
  }

  #matches(n: number, { route, ids, stamp, size }: Returned): boolean {
    const open = this.#open;
    const slot = open.find(n);
    if (slot < 0 || (open.bits[slot] & (MANDATORY | RETURNED)) !== MANDATORY) return false;
    const sent = open.routes[slot] as Route<PublishTally>;
    // a table of routes that overflowed made this one anew
    if (sent !== route && !(sent.exchange === route.exchange && sent.routingKey === route.routingKey)) return false;
    if (open.sizes[slot] !== size) return false;
    if (Number.isNaN(stamp) ? !Number.isNaN(open.stamps[slot]) : open.stamps[slot] !== stamp) return false;
    return ids === undefined || sameContext(ids, open.ids, slot * IDS, (open.bits[slot] & HAS_PARENT) !== 0);
  }
}

/** The returned message's context against an open publish's: its own span if we started it, else its parent. */
function sameContext(returned: Uint32Array, ids: Uint32Array, at: number, hasParent: boolean): boolean {
  for (let i = 0; i < 4; i++) if (returned[i] !== ids[at + i]) return false;
  const span = at + (hasParent ? 6 : 4);
  return returned[6] === ids[span] && returned[7] === ids[span + 1];
}
