import type { Exposition } from './exposition.ts';

/** What the sidecars counted until `at` (ms), added up. */
interface Counted {
  at: number;
  publishes: number;
  deliveries: number;
  lost: number;
  unknown: number;
  /** cumulative counts by upper bound in seconds, ascending, as in the exposition */
  latency: [bound: number, count: number][];
}

const RATE_WINDOW_MS = 5_000;
const LATENCY_WINDOW_MS = 15_000;
const LOSS_WINDOW_MS = 60_000;

/**
 * Turns scrapes, one a second, into the demo's line of figures: rates of the last 5 s, latency from
 * publish to delivery of the last 15 s, losses per outcome of the last 60 s, counts since the start.
 */
export class Figures {
  readonly #counted: Counted[] = [];

  add(scrapes: Exposition[], at: number): void {
    this.#counted.push(countedIn(scrapes, at));
    while (this.#counted[0].at < at - LOSS_WINDOW_MS) this.#counted.shift();
  }

  line(): string {
    const now = this.#counted.at(-1);
    if (now === undefined) return 'no figures yet';
    const perSecond = (key: 'publishes' | 'deliveries') => {
      const since = this.#since(now.at - RATE_WINDOW_MS);
      const seconds = (now.at - since.at) / 1000;
      return seconds === 0 ? 'n/a' : `${Math.round((now[key] - since[key]) / seconds)}/s`;
    };
    const then = this.#since(now.at - LATENCY_WINDOW_MS);
    const before = new Map(then.latency);
    const latency: Counted['latency'] = now.latency.map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]);
    // fits a terminal of 80 columns
    return [
      `publish ${perSecond('publishes')}`,
      `deliver ${perSecond('deliveries')}`,
      `p50 ${milliseconds(quantile(latency, 0.5))} p95 ${milliseconds(quantile(latency, 0.95))} ms`,
      `loss ${this.#lossRate(now)}`,
      `lost ${now.lost}`,
      `unknown ${now.unknown}`,
    ].join('  ');
  }

  #lossRate(now: Counted): string {
    const since = this.#since(now.at - LOSS_WINDOW_MS);
    const outcomes = now.publishes + now.deliveries - since.publishes - since.deliveries;
    return outcomes === 0 ? 'n/a' : `${((100 * (now.lost - since.lost)) / outcomes).toFixed(2)} %`;
  }

  /** The oldest scrape that is not before `at`. */
  #since(at: number): Counted {
    return this.#counted.find((each) => each.at >= at) as Counted;
  }
}

function countedIn(scrapes: Exposition[], at: number): Counted {
  const sum = (name: string, labels = {}) => scrapes.reduce((all, each) => all + each.sum(name, labels), 0);
  const latency = new Map<number, number>();
  for (const sample of scrapes.flatMap((each) => each.matching('event_latency_seconds_bucket'))) {
    const bound = Number(sample.labels.le.replace('+Inf', 'Infinity'));
    latency.set(bound, (latency.get(bound) ?? 0) + sample.value);
  }
  return {
    at,
    publishes: sum('event_throughput_total', { side: 'publish' }),
    deliveries: sum('event_throughput_total', { side: 'consume' }),
    lost: sum('event_lost_total'),
    unknown: sum('event_unknown_total'),
    latency: [...latency].sort(([a], [b]) => a - b),
  };
}

/** As Prometheus' histogram_quantile does it: linear within the bucket; NaN without observations. */
function quantile(buckets: Counted['latency'], q: number): number {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  const rank = q * total;
  const index = buckets.findIndex(([, count]) => count >= rank);
  const [low, below] = index === 0 ? [0, 0] : buckets[index - 1];
  const [high, within] = buckets[index];
  return high === Number.POSITIVE_INFINITY ? low : low + ((high - low) * (rank - below)) / (within - below);
}

function milliseconds(seconds: number): string {
  return Number.isNaN(seconds) ? 'n/a' : (seconds * 1000).toFixed(1);
}
