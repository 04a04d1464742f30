import { BUSY, turnLoads } from '../lockstep/loads.ts';
import { turnRatios } from '../lockstep/report.ts';
import { figures } from './report.ts';
import { type Figure, type Results, ratios, type Sample, spread, valuesOf } from './samples.ts';

interface Goal {
  suite: string;
  load: string;
  path: string;
  against: string;
  what: string;
  figure: Figure;
  /** of the median of the paired ratios */
  atLeast?: number;
  atMost?: number;
}

const AUTO = 'auto-ack';
const CONFIRM = 'confirm window 200, manual ack';
const common = { suite: 'goals', path: 'tracehare' };
const throughput = { ...common, what: 'throughput', figure: figures.throughput };
const cpu = { ...common, what: 'CPU of the proxy', figure: figures.proxyCpu };
const latency = (what: 'p50' | 'p99', load: string, against: string): Goal => ({
  ...common,
  what,
  figure: figures[what],
  load,
  against,
  atMost: 1.1,
});

/** What the project wants to hold, as ratios within a round. */
const goals: Goal[] = [
  ...['haproxy', 'equal haproxy'].flatMap((against) => [
    { ...throughput, load: AUTO, against, atLeast: 1 },
    { ...throughput, load: CONFIRM, against, atLeast: 1 },
    ...['2k/s', '10k/s'].flatMap((load) => [
      { ...cpu, load, against, atMost: 1.25 },
      latency('p50', load, against),
      latency('p99', load, against),
    ]),
    ...['1024 B', '16384 B'].map((load) => ({ ...throughput, suite: 'sizes', load, against, atLeast: 1 })),
  ]),
  // with equal work: what the broker has to do for two headers and `mandatory` makes reads of another size
  ...[AUTO, CONFIRM].map((load) => ({ ...cpu, load, against: 'equal haproxy', atMost: 1.15 })),
  { ...throughput, load: AUTO, against: 'traced direct', atLeast: 0.95 },
  { ...throughput, load: CONFIRM, against: 'traced direct', atLeast: 1 },
  ...['pipe', 'equal pipe'].flatMap((against) => [
    { ...throughput, load: AUTO, against, atLeast: 1 },
    { ...throughput, load: CONFIRM, against, atLeast: 1 },
    { ...cpu, load: AUTO, against, atMost: 1.2 },
    { ...cpu, load: CONFIRM, against, atMost: 1.2 },
    ...['2k/s', '10k/s'].flatMap((load) => [{ ...cpu, load, against, atMost: 1.2 }, latency('p50', load, against)]),
  ]),
  ...['haproxy', 'equal haproxy', 'pipe', 'equal pipe'].map((against) => ({
    ...throughput,
    suite: 'confirms',
    load: 'auto-ack, every publish confirmed',
    path: 'tracehare --loss confirms',
    against,
    atLeast: 1,
  })),
];

/** Tracing inside the apps costs what they use more than without it; beside them, what Tracehare uses. */
const tracing = [
  { name: '1 %', atMost: 0.15 },
  { name: 'always on', atMost: 0.25 },
];

/** A line for every goal there are figures for. */
export function judge(results: Results): string[] {
  return [
    ...judgeRatios(results),
    ...judgeTurns(results),
    ...judgeTracing(results),
    ...judgeGrowth(results),
    ...judgeAbsolute(results),
  ];
}

/** In lock-step, where a turn has as many messages as a read brings on a busy connection. */
function judgeTurns({ turns }: Results): string[] {
  const [auto, together, , differing] = turnLoads.map(({ name }) => name);
  const of = (load: string) => turns.filter((sample) => sample.load === load);
  const lines = [
    { load: auto, atMost: 1.3 },
    { load: together, atMost: 1.35 },
  ].flatMap(({ load, atMost }) =>
    ['haproxy', 'equal haproxy'].flatMap((against) => {
      const all = turnRatios(of(load), 'tracehare', against);
      const what = `lock-step, k = ${BUSY}, ${load}: CPU of tracehare`;
      return all.length === 0 ? [] : [verdict(all, { atMost }, what, `that of ${against}`)];
    }),
  );
  const ours = turns.filter(({ path }) => path === 'tracehare');
  const renamed = ours.map((sample) => ({ ...sample, path: sample.load, load: '' }));
  const all = turnRatios(renamed, differing, auto);
  if (all.length > 0) {
    const what = `lock-step, k = ${BUSY}: CPU of messages that differ`;
    lines.push(verdict(all, { atMost: 1.3 }, what, 'that of messages that do not'));
  }
  return lines;
}

function judgeRatios({ samples }: Results): string[] {
  return goals.flatMap(({ suite, load, path, against, what, figure, atLeast, atMost }) => {
    const of = (name: string) => samples.filter((s) => s.suite === suite && s.load === load && s.path === name);
    const all = ratios(of(path), of(against), figure);
    if (all.length === 0) return [];
    return verdict(all, { atLeast, atMost }, `${load}: ${what} of ${path}`, `that of ${against}`);
  });
}

function judgeTracing({ samples }: Results): string[] {
  return tracing.flatMap(({ name, atMost }) => {
    const of = (path: string) => samples.filter((s) => s.suite === 'instrumentation' && s.path === path);
    const beside = of(`tracehare traces, ${name}`);
    const inside = of(`apps trace, ${name}`);
    const all = of('apps alone').flatMap(({ round, result }) => {
      const inRound = (samples: Sample[]) => samples.find((sample) => sample.round === round)?.result.cpu;
      const [ours, theirs] = [inRound(beside)?.proxy, inRound(inside)?.load];
      return ours === undefined || theirs === undefined ? [] : [ours / (theirs - result.cpu.load)];
    });
    if (all.length === 0) return [];
    return verdict(
      all,
      { atMost },
      `tracing, ${name}: CPU of tracehare`,
      'what instrumentation-amqplib adds to the apps',
    );
  });
}

/** Between the dearest and the cheapest of a suite's loads, by medians. */
function judgeGrowth({ samples }: Results): string[] {
  const flat = { connections: 1.5, topics: 1.3 };
  return Object.entries(flat).flatMap(([suite, atMost]) => {
    const of = samples.filter((sample) => sample.suite === suite && sample.path === 'tracehare');
    const loads = [...Map.groupBy(of, ({ load }) => load).values()];
    const medians = loads.map((its) => spread(valuesOf(its, figures.proxyCpu)).median);
    if (medians.length < 2) return [];
    return verdict(
      [Math.max(...medians) / Math.min(...medians)],
      { atMost },
      `${suite}: the dearest load`,
      'the cheapest',
    );
  });
}

function judgeAbsolute({ samples, startup }: Results): string[] {
  const ours = samples.filter(({ path }) => path === 'tracehare');
  const isMany = ({ load }: Sample): boolean => load === '1000 connections';
  // thousands of topics without a limit on labels are what that limit is for
  const isUsual = (sample: Sample): boolean => !isMany(sample) && sample.suite !== 'topics';
  const rss = (of: Sample[]): number => spread(valuesOf(of, figures.proxyRss)).max;
  const of = (path: string) => samples.filter((s) => s.suite === 'goals' && s.load === '2k/s' && s.path === path);
  const added = of('tracehare').flatMap(({ round, result }) => {
    const other = of('direct').find((each) => each.round === round)?.result.latency;
    return other === undefined || result.latency === undefined ? [] : [result.latency.p50 - other.p50];
  });
  const disturbed = samples.filter(({ path }) => path === 'tracehare, scraped' || path === 'tracehare, endpoint hangs');
  const undisturbed = samples.filter(({ path }) => path === 'tracehare, undisturbed');
  const later = (path: string): number => {
    const all = samples.filter((sample) => sample.path === path);
    return spread(valuesOf(all, figures.max)).median - spread(valuesOf(undisturbed, figures.max)).median;
  };
  const figuresWanted: [string, number, string, number][] = [
    ['peak RSS of tracehare, up to 100 connections', rss(ours.filter(isUsual)), 'MiB', 100],
    ['peak RSS of tracehare, 1000 connections', rss(ours.filter(isMany)), 'MiB', 170],
    ['start to listening', spread(startup.tracehare ?? []).median, 'ms', 500],
    ['2k/s: p50 of tracehare above direct', spread(added).median, 'µs', 30],
    ['longest delay while scraped or without an endpoint', spread(valuesOf(disturbed, figures.max)).max, 'µs', 10_000],
    ['a scrape makes the latest message later by', later('tracehare, scraped'), 'µs', 10_000],
    ['a hanging endpoint makes the latest message later by', later('tracehare, endpoint hangs'), 'µs', 10_000],
  ];
  return figuresWanted
    .filter(([, value]) => !Number.isNaN(value))
    .map(
      ([what, value, unit, atMost]) =>
        `${word(value <= atMost)} ${what} ${value.toFixed(0)} ${unit}, wanted ≤ ${atMost} ${unit}`,
    );
}

const word = (met: boolean): string => (met ? 'met   ' : 'MISSED');

function verdict(
  ratios: number[],
  { atLeast, atMost }: { atLeast?: number | undefined; atMost?: number | undefined },
  what: string,
  than: string,
): string {
  const { min, median, max } = spread(ratios);
  const met = median >= (atLeast ?? Number.NEGATIVE_INFINITY) && median <= (atMost ?? Number.POSITIVE_INFINITY);
  const bound = atLeast === undefined ? `≤ ${atMost}×` : `≥ ${atLeast}×`;
  return `${word(met)} ${what} ${median.toFixed(2)}× (${min.toFixed(2)}–${max.toFixed(2)}) ${than}, wanted ${bound}`;
}
