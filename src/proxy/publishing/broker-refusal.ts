import { makeRoom } from '../../bounded.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';

/** What the broker refused when it closed a channel because of a basic.publish. */
export interface Refusal {
  reason: 'no_exchange' | 'access_refused' | 'too_large';
  /** undefined: not told */
  exchange: string | undefined;
  /** of the body; -1: not told */
  size: number;
}

/** Name under which RabbitMQ speaks of permissions on the default exchange. */
const DEFAULT_EXCHANGE = 'amq.default';

/**
 * Reads the close of a channel that basic.publish caused; undefined if it is not a loss with a
 * name. Texts as of RabbitMQ 3.10 to 4.3 (rabbit_channel.erl).
 */
export function refusalOf(code: number, reply: string): Refusal | undefined {
  const exchange = /exchange '(.*)' in vhost/s.exec(reply)?.[1];
  if (code === 404 && exchange !== undefined) return { reason: 'no_exchange', exchange, size: -1 };
  if (code === 403 && exchange !== undefined) {
    return { reason: 'access_refused', exchange: exchange === DEFAULT_EXCHANGE ? '' : exchange, size: -1 };
  }
  const size = code === 406 ? /message size (\d+)/.exec(reply)?.[1] : undefined;
  return size === undefined ? undefined : { reason: 'too_large', exchange: undefined, size: Number(size) };
}

/** Exchanges of which a channel remembers its last publish; a refused one to another has no route to count on. */
const MAX_LAST = 16;
/** Exchanges remembered per channel; beyond, a refusal's loss is counted without saying which message it was. */
const MAX_EXCHANGES = 64;

/** What a channel has published to so far: what a refusal can be about. */
export class PublishHistory {
  /** the route of the last publish, and of the last to each exchange */
  #lastRoute: Route<PublishTally> | undefined;
  readonly #lastRoutes = new Map<string, Route<PublishTally>>();
  /**
   * Exchanges, and the largest body, of publishes that counted as successes though the broker never
   * said so: one of these may be what it refuses now.
   */
  readonly #unproven = new Set<string>();
  #lastUnproven: Route<PublishTally> | undefined;
  #largestUnproven = -1;

  /** Whether the first of `candidates` open publishes must be the refused one. */
  isCertain({ exchange, size }: Refusal, candidates: number): boolean {
    // the broker refuses the first of that size it sees; an exchange may have been deleted between two
    if (exchange === undefined) return this.#largestUnproven < size;
    return candidates === 1 && this.#unproven.size < MAX_EXCHANGES && !this.#unproven.has(exchange);
  }

  /** Where what was refused is counted when no open publish fits. */
  routeOf({ exchange }: Refusal): Route<PublishTally> | undefined {
    return exchange === undefined ? this.#lastRoute : this.#lastRoutes.get(exchange);
  }

  /** A publish passes. */
  goesTo(route: Route<PublishTally>): void {
    if (route === this.#lastRoute) return;
    const { exchange } = route;
    if (!this.#lastRoutes.has(exchange)) makeRoom(this.#lastRoutes, MAX_LAST);
    this.#lastRoutes.set(exchange, route);
    this.#lastRoute = route;
  }

  /** A publish counts as a success that nobody vouched for. */
  assumed(route: Route<PublishTally>, size: number): void {
    if (size > this.#largestUnproven) this.#largestUnproven = size;
    if (route === this.#lastUnproven) return;
    this.#lastUnproven = route;
    if (this.#unproven.size < MAX_EXCHANGES) this.#unproven.add(route.exchange);
  }
}
