import { hexOf } from '../../events/hex.ts';
import { HAS_PARENT } from '../../events/passage.ts';
import { ANYTHING, COMMIT, CONFIRM, type OpenMessages, type Stretch } from '../open-messages/open-messages.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { MANDATORY, RETURN_IS_EMPTY, SHADOW } from './publish-marks.ts';
import type { PublishOutcomes } from './publish-outcomes.ts';
import type { Returned } from './publish-run.ts';
import { marksOfStamp } from './sent-stamp.ts';

/**
 * The messages of one channel that come back: which publish each was, and that it is lost. A publish is its
 * sequence number; what a returned message carries is used to find that, and for nothing else.
 */
export class Returns {
  readonly #open: OpenMessages<PublishTally>;
  readonly #outcomes: PublishOutcomes;
  /** the app set mandatory itself, at least once */
  #asksForReturns = false;

  constructor(open: OpenMessages<PublishTally>, outcomes: PublishOutcomes) {
    this.#open = open;
    this.#outcomes = outcomes;
  }

  /** Publishes pass with these marks. */
  passed(marks: number): void {
    if ((marks & (MANDATORY | SHADOW)) === MANDATORY) this.#asksForReturns = true;
  }

  /**
   * A message came back. Returns the publish's marks; if its outcome was already counted, LATE and
   * whether it was us who asked (SHADOW).
   */
  returned(message: Returned, now: number): number {
    const { route, stamp, code, reply } = message;
    const publish = this.#open.find(
      (run) => (run.marks & MANDATORY) !== 0 && Object.is(run.stamp, stamp) && sameNames(run.route, route),
      (each) => this.#matches(each, message),
    );
    if (publish === undefined) return this.#late(message, now);
    const { marks, first, awaits } = publish;
    if ((marks & RETURN_IS_EMPTY) !== 0) return marks;
    this.#outcomes.returned(first, { code, text: reply });
    this.#open.markReturned(first);
    // the confirm or commit that follows decides
    if ((awaits & (CONFIRM | COMMIT)) === 0) {
      this.#open.take(first, first, ANYTHING, (lost) => this.#outcomes.lost(lost, 'unroutable', false, now));
    }
    return marks;
  }

  #matches(publish: Stretch<PublishTally>, { ids, size }: Returned): boolean {
    if (publish.returned || this.#open.sizeOf(publish, 0) !== size) return false;
    if (ids === undefined) return true;
    return sameContext(ids, this.#open.ids, this.#open.idsAt(publish, 0), (publish.passageBits & HAS_PARENT) !== 0);
  }

  #late(message: Returned, now: number): number {
    const { route, ids } = message;
    if (!route.answers) {
      const traceId = ids === undefined ? '' : hexOf(ids, 0, 4);
      this.#outcomes.lostLate(route, 'unroutable', route.routingKey, traceId, now);
    }
    if (!this.#asksForReturns) return SHADOW;
    // without propagation the stamp is one that the app copied along
    return route.treatment.propagate && !Number.isNaN(message.stamp) ? marksOfStamp(message.stamp) : 0;
  }
}

/** The route a publish took, against the one of its return: a table that forgot it made it anew. */
const sameNames = (sent: Route<PublishTally>, route: Route<PublishTally>): boolean =>
  sent === route || (sent.exchange === route.exchange && sent.routingKey === route.routingKey);

/** The returned message's context against an open publish's: its own span if we started it, else its parent. */
function sameContext(returned: Uint32Array, ids: Uint32Array, at: number, hasParent: boolean): boolean {
  for (let i = 0; i < 4; i++) if (returned[i] !== ids[at + i]) return false;
  const span = at + (hasParent ? 6 : 4);
  return returned[6] === ids[span] && returned[7] === ids[span + 1];
}
