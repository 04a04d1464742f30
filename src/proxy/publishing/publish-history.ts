import { makeRoom } from '../ports/bounded.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { isExchange, type Refusal } from './broker-refusal.ts';
import { SUSPICIOUS } from './publish-marks.ts';

/** Exchanges of which a channel remembers its last publish; a refused one to another has no route to count on. */
const MAX_LAST = 16;
/** Exchanges remembered per channel; beyond, a refusal's loss is counted without saying which message it was. */
const MAX_EXCHANGES = 64;

/** What a channel has published to so far: what a refusal can be about. */
export class PublishHistory {
  /** the route of the last publish, of the last to each other exchange, and of the last with each suspicious mark */
  #lastRoute: Route<PublishTally> | undefined;
  readonly #lastRoutes = new Map<string, Route<PublishTally>>();
  readonly #lastSuspicious = new Map<number, Route<PublishTally>>();
  /**
   * Of publishes that counted as successes though the broker never said so, one of which may be what it refuses now:
   * their exchanges, their largest body, and all their marks.
   */
  readonly #unproven = new Set<string>();
  #lastUnproven: string | undefined;
  #largestUnproven = -1;
  #unprovenMarks = 0;
  /** the number of the last of them */
  #unprovenUntil = 0;

  /** What is refused may be none of the publishes that are still open. */
  mayBeUnproven({ suspects }: Refusal): boolean {
    const { exchange, isCut, size, marks } = suspects;
    // it refuses the first of that size it sees
    if (size !== undefined) return this.#largestUnproven >= size;
    if (marks !== undefined) return (this.#unprovenMarks & marks) !== 0;
    if (exchange === undefined) return this.#unproven.size > 0;
    if (this.#unproven.size >= MAX_EXCHANGES) return true;
    return [...this.#unproven].some((each) => isExchange(exchange, isCut, each));
  }

  /** Where what was refused is counted when no open publish fits. */
  routeOf({ suspects }: Refusal): Route<PublishTally> | undefined {
    const { exchange, isCut, marks } = suspects;
    if (marks !== undefined) return [...this.#lastSuspicious].find(([each]) => (each & marks) !== 0)?.[1];
    if (exchange === undefined) return this.#lastRoute;
    const last = this.#lastRoute;
    if (last !== undefined && isExchange(exchange, isCut, last.exchange)) return last;
    return [...this.#lastRoutes].find(([name]) => isExchange(exchange, isCut, name))?.[1];
  }

  /** A publish passes. */
  goesTo(route: Route<PublishTally>, marks: number): void {
    if ((marks & SUSPICIOUS) !== 0) this.#lastSuspicious.set(marks & SUSPICIOUS, route);
    const last = this.#lastRoute;
    this.#lastRoute = route;
    // of one exchange, many routes may take turns
    if (last === undefined || route.exchange === last.exchange) return;
    const { exchange } = last;
    const before = this.#lastRoutes.get(exchange);
    if (before === last) return;
    if (before === undefined) makeRoom(this.#lastRoutes, MAX_LAST);
    this.#lastRoutes.set(exchange, last);
  }

  /** Publishes up to number `last` count as successes that nobody vouched for. */
  assumed(route: Route<PublishTally>, size: number, marks: number, last: number): void {
    if (size > this.#largestUnproven) this.#largestUnproven = size;
    this.#unprovenMarks |= marks;
    if (last > this.#unprovenUntil) this.#unprovenUntil = last;
    const { exchange } = route;
    if (exchange === this.#lastUnproven) return;
    this.#lastUnproven = exchange;
    if (this.#unproven.size < MAX_EXCHANGES) this.#unproven.add(exchange);
  }

  /** The broker has taken all up to number `sequence`. */
  proven(sequence: number): void {
    if (sequence < this.#unprovenUntil) return;
    this.#unproven.clear();
    this.#lastUnproven = undefined;
    this.#largestUnproven = -1;
    this.#unprovenMarks = 0;
  }
}
