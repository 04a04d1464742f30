import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../testing/folder.ts';

const RULES = fileURLToPath(new URL('../../dashboards/prometheus/rules/undelivered.yml', import.meta.url));
const SCRAPE = 15;

/** One process of a sidecar as Prometheus sees it. Times are seconds; whatever it counts is a list of times. */
export interface Life {
  instance: string;
  /** when it started and ended; it is scraped every 15 s from `phase` on */
  from?: number;
  to?: number;
  phase?: number;
  /** when Prometheus began to scrape it, if later than it started */
  scrapedFrom?: number;
  fanout?: number;
  succeeded?: number[];
  lost?: number[];
  /** lost after they had counted as success */
  lostLate?: number[];
  unknown?: number[];
  firsts?: number[];
}

/** `event:…` recorded, and what must hold of it: PromQL that is 1 for orders at `at` seconds. */
export interface Claim {
  at: number;
  expression: string;
}

/** Has the rule file, as it is, evaluated over what these sidecars counted; throws what promtool finds wrong. */
export function evaluate(
  lives: Life[],
  seconds: number,
  claims: Claim[],
  expected = [{ labels: ORDERS, value: 1 }],
): void {
  const folder = temporaryFolder('rules');
  const tests = {
    rule_files: [RULES],
    evaluation_interval: '5s',
    tests: [
      {
        interval: '1s',
        input_series: seriesOf(lives, seconds),
        promql_expr_test: claims.map(({ at, expression }) => ({
          expr: expression,
          eval_time: `${at}s`,
          exp_samples: expected,
        })),
      },
    ],
  };
  const file = join(folder.path, 'tests.yml');
  writeFileSync(file, JSON.stringify(tests)); // JSON is YAML
  try {
    execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(stdout + stderr || String(error));
  } finally {
    folder.remove();
  }
}

export const ORDERS = '{topic="orders", pipeline="/"}';

/** `count` times, evenly in [from, to). */
export const evenly = (count: number, from: number, to: number): number[] =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / count);

function seriesOf(lives: Life[], seconds: number): { series: string; values: string }[] {
  const series = new Map<string, (string | undefined)[]>();
  const set = (name: string, at: number, value: string): void => {
    const values = series.get(name) ?? new Array(seconds).fill(undefined);
    values[at] = value;
    series.set(name, values);
  };
  for (const life of lives) {
    const { instance, from = -10_000, to = seconds, phase = 0, fanout } = life;
    const target = `job="tracehare",instance="${instance}"`;
    const own = `${target},topic="orders",pipeline="/"`;
    const counters: [string, number[]][] = [
      [`event_throughput_total{${own},side="publish",status="success"}`, life.succeeded ?? []],
      [`event_throughput_total{${own},side="publish",status="failed"}`, life.lost ?? []],
      [`event_lost_total{${own},side="publish",reason="nacked"}`, life.lost ?? []],
      [`event_lost_total{${own},side="publish",reason="unroutable"}`, life.lostLate ?? []],
      [`event_unknown_total{${own},side="publish",reason="connection_lost"}`, life.unknown ?? []],
      [`event_first_deliveries_total{${own}}`, life.firsts ?? []],
    ];
    for (let at = phase; at < seconds; at += SCRAPE) {
      if (at < Math.max(from, life.scrapedFrom ?? 0) || at >= to + SCRAPE) continue;
      const gone = at >= to;
      set(`up{${target}}`, at, gone ? '0' : '1');
      set(`process_start_time_seconds{${target}}`, at, gone ? 'stale' : String(from));
      if (fanout !== undefined) set(`event_fanout{${own}}`, at, gone ? 'stale' : String(fanout));
      for (const [name, times] of counters) {
        const count = times.filter((time) => time >= from && time <= at && time < to).length;
        if (count > 0) set(name, at, gone ? 'stale' : String(count));
        else if (gone && series.get(name)?.some((value) => value !== undefined)) set(name, at, 'stale');
      }
    }
  }
  return [...series].map(([name, values]) => ({ series: name, values: values.map((value) => value ?? '_').join(' ') }));
}
