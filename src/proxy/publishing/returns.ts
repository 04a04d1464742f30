import { hexOf } from '../../events/hex.ts';
import { ANYTHING, COMMIT, CONFIRM, type OpenMessages, type Stretch } from '../open-messages/open-messages.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { AssumedPublishes, Origin } from './assumed-publishes.ts';
import { MANDATORY, RETURN_IS_EMPTY, SENT_ADDED, SHADOW, TRACE_ADDED } from './publish-marks.ts';
import type { PublishOutcomes } from './publish-outcomes.ts';
import type { PublishRun, Returned } from './publish-run.ts';
import { marksOfStamp } from './sent-stamp.ts';

/**
 * The messages of one channel that come back: which publish each was, and that it is lost. A publish is its
 * sequence number; what a returned message carries is used to find that, and for nothing else.
 */
export class Returns {
  readonly #open: OpenMessages<PublishTally>;
  readonly #outcomes: PublishOutcomes;
  readonly #assumed: AssumedPublishes;
  /** the app set mandatory itself, and we did, at least once each */
  #appAsks = false;
  #weAsk = false;
  /** names for which the app asked while nothing of ours on the message could tell whose it is */
  readonly #unmarked = new Set<string>();
  /** mandatory publishes that were nacked and have not come back, by name */
  readonly #nacked = new Map<string, number>();

  constructor(open: OpenMessages<PublishTally>, outcomes: PublishOutcomes, assumed: AssumedPublishes) {
    this.#open = open;
    this.#outcomes = outcomes;
    this.#assumed = assumed;
  }

  /** Publishes pass. */
  passed({ marks, route }: PublishRun): void {
    if ((marks & MANDATORY) === 0) return;
    if ((marks & SHADOW) !== 0) {
      this.#weAsk = true;
      return;
    }
    this.#appAsks = true;
    if ((marks & SENT_ADDED) === 0 && this.#unmarked.size < MAX_UNMARKED) this.#unmarked.add(nameOf(route));
  }

  /** False: the app asks for returns of such messages itself, and none of them says who asked for it. */
  mayShadow(names: Names): boolean {
    const { size } = this.#unmarked;
    if (size === 0) return true;
    return size < MAX_UNMARKED && !this.#unmarked.has(nameOf(names));
  }

  /** They are lost: that some brokers (Broker-J) return them only then must not count them again. */
  nacked({ marks, route, count, returned }: Stretch<PublishTally>): void {
    if ((marks & MANDATORY) === 0 || returned) return;
    const name = nameOf(route);
    if (this.#nacked.size < MAX_UNMARKED || this.#nacked.has(name))
      this.#nacked.set(name, (this.#nacked.get(name) ?? 0) + count);
  }

  /** A message came back. Returns what is known of its publish, of which the app is told nothing if it was us who asked. */
  returned(message: Returned, now: number): Origin {
    const { route, stamp, code, reply } = message;
    const publish = this.#open.find(
      (run) => (run.marks & MANDATORY) !== 0 && Object.is(run.stamp, stamp) && sameNames(run.route, route),
      (each) => this.#matches(each, message),
    );
    if (publish === undefined) return this.#late(message, now);
    const { marks, replaced, first, awaits } = publish;
    const origin = { marks, replaced };
    if ((marks & RETURN_IS_EMPTY) !== 0) return origin;
    this.#outcomes.returned(first, { code, text: reply });
    this.#open.markReturned(first);
    // the confirm or commit that follows decides
    if ((awaits & (CONFIRM | COMMIT)) === 0) {
      this.#open.take(first, first, ANYTHING, (lost) => this.#outcomes.lost(lost, 'unroutable', false, now));
    }
    return origin;
  }

  #matches(publish: Stretch<PublishTally>, { ids, size }: Returned): boolean {
    if (publish.returned || this.#open.sizeOf(publish, 0) !== size) return false;
    if (ids === undefined) return true;
    return sameContext(ids, this.#open.ids, this.#open.idsAt(publish, 0), (publish.marks & TRACE_ADDED) !== 0);
  }

  /** Its outcome was counted before. */
  #late(message: Returned, now: number): Origin {
    const { route, ids } = message;
    const origin = this.#assumed.take(message) ?? this.#guess(message);
    if (!route.answers && (origin.marks & RETURN_IS_EMPTY) === 0 && !this.#wasNacked(route)) {
      const traceId = ids === undefined ? '' : hexOf(ids, 0, 4);
      this.#outcomes.lostLate(route, 'unroutable', route.routingKey, traceId, now);
    }
    return origin;
  }

  #wasNacked(route: Names): boolean {
    const name = nameOf(route);
    const left = this.#nacked.get(name);
    if (left === undefined) return false;
    if (left === 1) this.#nacked.delete(name);
    else this.#nacked.set(name, left - 1);
    return true;
  }

  #guess({ route, stamp }: Returned): Origin {
    // without propagation the stamp is one that the app copied along
    const marks = route.treatment.propagate && !Number.isNaN(stamp) ? marksOfStamp(stamp) : 0;
    // where we never asked, an unknown return is the broker's own doing, and the app's to see
    if (!this.#weAsk) return { marks: (marks & SHADOW) === 0 ? marks : 0, replaced: undefined };
    return { marks: this.#appAsks ? marks : SHADOW, replaced: undefined };
  }
}

/** Names remembered per channel; beyond, nothing more is shadowed on it. */
const MAX_UNMARKED = 1024;

export type Names = Pick<Route<PublishTally>, 'exchange' | 'routingKey'>;

const nameOf = ({ exchange, routingKey }: Names): string => `${exchange}\0${routingKey}`;

/** The route a publish took, against the one of its return: a table that forgot it made it anew. */
const sameNames = (sent: Route<PublishTally>, route: Route<PublishTally>): boolean =>
  sent === route || (sent.exchange === route.exchange && sent.routingKey === route.routingKey);

/** The returned message's context against an open publish's: its own span if we added it, else its parent. */
function sameContext(returned: Uint32Array, ids: Uint32Array, at: number, isOurs: boolean): boolean {
  for (let i = 0; i < 4; i++) if (returned[i] !== ids[at + i]) return false;
  const span = at + (isOurs ? 4 : 6);
  return returned[6] === ids[span] && returned[7] === ids[span + 1];
}
