import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { FURTHER_ADDED, MANDATORY, SENT_ADDED, SHADOW } from './publish-marks.ts';
import type { Returned } from './publish-run.ts';

/** Runs remembered per channel. */
const MAX_RUNS = 1024;

/** What a return needs to know of its publish. */
export interface Origin {
  /** as publish-marks.ts lists them */
  readonly marks: number;
  /** type and value of the x-tracehare-sent that ours took the place of */
  readonly replaced: Uint8Array | undefined;
}

interface Assumed extends Origin {
  readonly exchange: string;
  readonly routingKey: string;
  readonly stamp: number;
  /** the number of the last of them, and how many have not come back */
  last: number;
  count: number;
}

/** What publishes in a row have in common, of which nothing else is remembered. */
interface Unremembered extends Origin {
  readonly route: Route<PublishTally>;
  readonly stamp: number;
}

/**
 * Mandatory publishes of one channel that counted as routed only because nothing had come back in time, or that there
 * was no room to wait for. Should one come back after all, its stamp mostly says who asked for that; here is what of them can't be read off a stamp.
 */
export class AssumedPublishes {
  #runs: Assumed[] = [];

  add({ route, stamp, marks, replaced }: Unremembered, first: number, count: number): void {
    if ((marks & MANDATORY) === 0 || (stampTells(marks) && replaced === undefined)) return;
    const { exchange, routingKey } = route;
    const latest = this.#runs.at(-1);
    if (latest !== undefined && latest.marks === marks && isOf(latest, route, stamp) && latest.replaced === replaced) {
      latest.last = first + count - 1;
      latest.count += count;
      return;
    }
    if (this.#runs.length >= MAX_RUNS) this.#runs = this.#runs.slice(MAX_RUNS / 2);
    this.#runs.push({ exchange, routingKey, stamp, marks, replaced, last: first + count - 1, count });
  }

  /** One of them comes back. The broker takes the publishes of a channel in order, so the first that fits is meant. */
  take({ route, stamp }: Returned): Origin | undefined {
    const at = this.#runs.findIndex((run) => isOf(run, route, stamp));
    if (at < 0) return undefined;
    const run = this.#runs[at];
    if (--run.count === 0) this.#runs.splice(at, 1);
    return run;
  }

  /** Nothing comes back any more of publishes up to `sequence`. */
  proven(sequence: number): void {
    if (this.#runs.length > 0) this.#runs = this.#runs.filter(({ last }) => last > sequence);
  }
}

/** Who asked for the return, and if that was the app, what of the message is ours. */
const stampTells = (marks: number): boolean =>
  (marks & SENT_ADDED) !== 0 && ((marks & FURTHER_ADDED) === 0 || (marks & SHADOW) !== 0);

const isOf = (run: Assumed, { exchange, routingKey }: Returned['route'], stamp: number): boolean =>
  Object.is(run.stamp, stamp) && run.routingKey === routingKey && run.exchange === exchange;
