import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type LoadResult, type LoadSpec, percentiles } from '../../bench/load/load.ts';
import { judge } from '../../bench/run/goals.ts';
import { plot } from '../../bench/run/plot.ts';
import { figures, render, tables } from '../../bench/run/report.ts';
import { type Results, ratios, type Sample, spread } from '../../bench/run/samples.ts';
import { run } from '../../testing/processes.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';

// The figures are only as good as the tools that make them.

/** seconds in which something passes on any machine */
const LONG = 8;

const sample = (path: string, round: number, messagesPerSecond: number, proxyCpu?: number): Sample => ({
  suite: 'goals',
  load: 'auto-ack',
  path,
  round,
  exported: 0,
  result: {
    messages: 1,
    seconds: 1,
    messagesPerSecond,
    cpu: { broker: 10, load: 1, ...(proxyCpu !== undefined && { proxy: proxyCpu }) },
    peakRss: proxyCpu === undefined ? {} : { proxy: 100 },
  },
});
const results: Results = {
  about: {},
  startup: {},
  turns: [],
  samples: [
    // the machine was twice as slow in round 1, and the rounds came in another order
    sample('equal haproxy', 0, 100_000, 2),
    sample('tracehare', 0, 110_000, 3),
    sample('tracehare', 1, 55_000, 6),
    sample('equal haproxy', 1, 50_000, 4),
    sample('equal haproxy', 2, 100_000, 2),
    sample('tracehare', 2, 90_000, 2),
  ],
};

describe('results', () => {
  test('a ratio pairs with the same round', () => {
    const of = (name: string) => results.samples.filter(({ path }) => path === name);
    expect(ratios(of('tracehare'), of('equal haproxy'), figures.throughput)).toEqual([1.1, 1.1, 0.9]);
  });

  test('a spread is least, median and most', () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1, 3, 2]).median).toBe(2.5);
    expect(spread([]).median).toBeNaN();
  });

  test('percentiles are of what was measured, in microseconds', () => {
    const latencies = Float64Array.from({ length: 1000 }, (_, i) => (1000 - i) * 1000);
    expect(percentiles(latencies)).toEqual({ p50: 500, p90: 900, p99: 990, p999: 999, max: 1000 });
  });

  test('the table has a row a path, and goals are judged by the median of the ratios', () => {
    const [table] = tables(results);
    expect(render(table, true)).toMatch(/^\| tracehare +\| 90000 \(55000–110000\) /m);
    expect(table.rows).toHaveLength(2);
    expect(judge(results)).toContain(
      'met    auto-ack: throughput of tracehare 1.10× (0.90–1.10) that of equal haproxy, wanted ≥ 1×',
    );
    expect(judge(results)).toContain(
      'MISSED auto-ack: CPU of the proxy of tracehare 1.50× (1.00–1.50) that of equal haproxy, wanted ≤ 1.15×',
    );
  });

  test('what was not measured is neither judged nor drawn', () => {
    expect(judge({ ...results, samples: [] })).toEqual([]);
    expect(plot({ ...results, samples: [] })).toBeUndefined();
    expect(plot(results)).toMatch(/^<svg .*tracehare.*<\/svg>\n$/s);
  });
});

describe('the load generator', () => {
  const loadFor = async (seconds: number, spec: Partial<LoadSpec>): Promise<LoadResult> => {
    const argument = JSON.stringify({ brokerPort: inject('broker').port, warmup: 0.05, ...spec, seconds });
    const { code, stdout, stderr } = await run(process.execPath, ['bench/load/main.ts', argument]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return JSON.parse(stdout.toString());
  };
  /** On a busy machine nothing at all may pass in a short time. */
  const load = async ({ seconds = 0.5, ...spec }: Partial<LoadSpec>): Promise<LoadResult> => {
    const result = await loadFor(seconds, spec);
    return result.messages > 0 || seconds > LONG ? result : load({ ...spec, seconds: seconds * 4 });
  };
  const loads: [string, Partial<LoadSpec>][] = [
    ['auto-ack', {}],
    ['confirms and manual ack', { ack: 'manual', confirmWindow: 200 }],
    ['large bodies', { body: 16_384, inFlight: 100 }],
    ['several connections', { connections: 6, inFlight: 200 }],
    ['one connection', { connections: 1 }],
    ['several topics', { topics: 7 }],
    ['a fixed rate', { rate: 500, seconds: 1 }],
  ];

  describe('every message arrives, directly and through Tracehare', () => {
    let tracehare: Tracehare;
    beforeAll(async () => {
      tracehare = await startTracehare({ upstream: `amqp://127.0.0.1:${inject('broker').port}` });
    });
    afterAll(() => tracehare?.stop());

    test.each(loads)('%s', async (name, spec) => {
      for (const port of [inject('broker').port, tracehare.port]) {
        const { messages, cpu, latency } = await load({ ...spec, port, processes: { proxy: tracehare.pid } });
        expect(messages, name).toBeGreaterThan(0);
        expect(cpu.load, name).toBeGreaterThan(0);
        if (spec.rate !== undefined) expect(latency?.p50, name).toBeGreaterThan(0);
      }
    });
  });
});
