import { expect, test } from 'vitest';
import { turnLoads } from '../../bench/lockstep/loads.ts';
import { type MeasureOptions, measureTurns } from '../../bench/lockstep/measure.ts';
import { lineThrough, turnRatios, turnTables } from '../../bench/lockstep/report.ts';
import { judge } from '../../bench/run/goals.ts';
import { lockstepPaths, pipe, tracehare } from '../../bench/run/plan.ts';

const once: MeasureOptions = { batch: false, rounds: 1, milliseconds: 1, warmup: 0, sizes: [1, 64, 256] };

test('in lock-step every message of every load comes back through every path, and the proxy agrees', async () => {
  const paths = [...lockstepPaths, pipe];
  const samples = await measureTurns(paths, once);
  expect(samples).toHaveLength(turnLoads.length * paths.length * 3);
  for (const { load, path, turns, cpu } of samples) {
    expect(turns, `${load}, ${path}`).toBeGreaterThan(0);
    expect(cpu, `${load}, ${path}`).toBeGreaterThanOrEqual(0);
  }
});

test('a path that alters a message has no figures', async () => {
  const config = 'rules: [{ match: { exchange: bench }, headers: { add: { added: one } } }]\n';
  const altered = measureTurns([{ ...tracehare, exports: false, config }], once);
  await expect(altered).rejects.toThrow(
    'lock-step: tracehare, auto-ack: message 1 came with another content header than it was sent with',
  );
});

test('the line is that of the points, and a large turn does not outweigh the small ones', () => {
  const points = [1, 4, 16, 64, 256].map((size) => ({ size, cpu: 20 + 0.4 * size }));
  expect(lineThrough(points).a).toBeCloseTo(20);
  expect(lineThrough(points).b).toBeCloseTo(0.4);
  points[4].cpu *= 1.2;
  expect(lineThrough(points).a).toBeGreaterThan(17);
});

test('ratios are of turns of the same round and of 64 messages', () => {
  const sample = (path: string, round: number, size: number, cpu: number) => ({
    load: 'auto-ack',
    path,
    round,
    size,
    turns: 1,
    cpu,
  });
  const turns = [
    sample('haproxy', 0, 1, 10),
    sample('haproxy', 0, 64, 20),
    sample('tracehare', 0, 64, 30),
    sample('tracehare', 0, 1, 40),
    sample('tracehare', 1, 64, 80),
    sample('haproxy', 1, 64, 40),
  ];
  expect(turnRatios(turns, 'tracehare', 'haproxy')).toEqual([1.5, 2]);
  const [{ title, rows }] = turnTables(turns);
  expect(title).toBe('lock-step: auto-ack');
  expect(rows[1].slice(0, 3)).toEqual(['tracehare', '40.0 (40.0)', '55.0 (30.0)']);
  expect(rows[1]).toContain('1.75× (1.50×)');
  expect(judge({ about: {}, startup: {}, samples: [], turns })).toEqual([
    'MISSED lock-step, k = 64, auto-ack: CPU of tracehare 1.75× (1.50–2.00) that of haproxy, wanted ≤ 1.3×',
  ]);
});
