import type { Heatmap, LineTimes, TopicDetail, TopicLine, TopicRow, TopicsQuery } from '../api.ts';
import {
  type DetailPart,
  type Histogram,
  type LinePart,
  type LinesPart,
  STEP_MS,
  STEPS,
  type TopicPart,
  type TopicsPart,
} from '../parts.ts';
import { added, quantile, quantiles } from './histograms.ts';

/** A row, and its line that is yet to come. */
export type TopicRowWithoutLine = Omit<TopicRow, 'line'>;

/** Of the topics that several sidecars have, those that are asked for, in the order asked for; and how many there are. */
export function topicRows(
  parts: readonly TopicsPart[],
  { sort = 'topic', limit = 50, offset = 0 }: TopicsQuery,
): { matching: number; rows: TopicRowWithoutLine[] } {
  const byName = new Map<string, { part: TopicsPart; topic: TopicPart }[]>();
  for (const part of parts) {
    for (const topic of part.topics) {
      const name = JSON.stringify([topic.topic, topic.pipeline]);
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [{ part, topic }]);
      else known.push({ part, topic });
    }
  }
  const rows = [...byName.values()].map((known) => topicRow(known));
  rows.sort(order(sort));
  return { matching: rows.length, rows: rows.slice(offset, offset + limit) };
}

function topicRow(
  known: readonly { part: Pick<TopicsPart, 'bounds' | 'windowSeconds'>; topic: TopicPart }[],
): TopicRowWithoutLine {
  const total = (of: (topic: TopicPart) => number): number => known.reduce((sum, { topic }) => sum + of(topic), 0);
  const rate = (of: (topic: TopicPart) => number): number =>
    known.reduce((sum, { part, topic }) => sum + of(topic) / part.windowSeconds, 0);
  const [{ topic: names }] = known;
  const lossRates = ([0, 1] as const).flatMap((side) => {
    const ended = total((topic) => topic.ended[side]);
    return ended === 0 ? [] : Math.min(1, total((topic) => topic.lostLately[side]) / ended);
  });
  return {
    topic: names.topic,
    pipeline: names.pipeline,
    published: rate(({ published }) => published),
    consumed: rate(({ consumed }) => consumed),
    publishedTotal: total(({ publishedTotal }) => publishedTotal),
    consumedTotal: total(({ consumedTotal }) => consumedTotal),
    latency: quantiles(added(known.map(({ part, topic }) => ({ bounds: part.bounds, counts: topic.latency })))),
    lossRate: lossRates.length === 0 ? null : Math.max(...lossRates),
    lost: total(({ lost }) => lost),
    unknown: total(({ unknown }) => unknown),
    unsettled: total(({ unsettled }) => unsettled),
  };
}

/** Equal ones by name: rows must not change places for nothing. */
function order(sort: NonNullable<TopicsQuery['sort']>): (a: TopicRowWithoutLine, b: TopicRowWithoutLine) => number {
  const isReverse = sort.startsWith('-');
  const by = sort.replace('-', '');
  const name = (a: TopicRowWithoutLine, b: TopicRowWithoutLine): number =>
    compare(a.topic, b.topic) || compare(a.pipeline, b.pipeline);
  if (by === 'topic') return isReverse ? (a, b) => name(b, a) : name;
  const value = (row: TopicRowWithoutLine): number =>
    (by === 'p50' || by === 'p95' || by === 'p99' ? row.latency[by] : row[by as 'published']) ?? -1;
  const sign = isReverse ? -1 : 1;
  return (a, b) => sign * (value(b) - value(a)) || name(a, b);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** The time of a line's points: of the last quarter of an hour what any of the sidecars has seen. */
export function lineTimes(parts: readonly { at: number; since: number }[]): LineTimes {
  const last = Math.floor(Math.max(...parts.map(({ at }) => at)) / STEP_MS);
  const since = Math.floor(Math.min(...parts.map((part) => part.since)) / STEP_MS);
  const first = Math.max(since, last - STEPS + 1);
  return { startAt: first * STEP_MS, stepMs: STEP_MS, points: Math.max(1, last - first + 1) };
}

/** Lines by JSON.stringify([topic, pipeline]). */
export function topicLines(parts: readonly LinesPart[], times: LineTimes): Map<string, TopicLine> {
  const byName = new Map<string, { bounds: readonly number[]; line: LinePart }[]>();
  for (const { bounds, lines } of parts) {
    for (const line of lines) {
      const name = JSON.stringify([line.topic, line.pipeline]);
      byName.set(name, [...(byName.get(name) ?? []), { bounds, line }]);
    }
  }
  const at = Math.max(...parts.map((part) => part.at));
  return new Map([...byName].map(([name, lines]) => [name, topicLine(lines, times, at)]));
}

function topicLine(
  lines: readonly { bounds: readonly number[]; line: LinePart }[],
  times: LineTimes,
  at: number,
): TopicLine {
  const { startAt, stepMs, points } = times;
  const published = new Array<number>(points).fill(0);
  const consumed = new Array<number>(points).fill(0);
  const lost = new Array<number>(points).fill(0);
  const latency: Histogram[][] = Array.from({ length: points }, () => []);
  for (const { bounds, line } of lines) {
    for (const [step, p, c, l, counts] of line.points) {
      const i = step - startAt / stepMs;
      if (i < 0 || i >= points) continue;
      published[i] += p;
      consumed[i] += c;
      lost[i] += l;
      latency[i].push({ bounds, counts });
    }
  }
  const counts = published.some((count) => count > 0) ? published : consumed;
  return {
    rate: counts.map((count, i) => count / Math.max(1, Math.min(stepMs, at - startAt - i * stepMs) / 1000)),
    p95: latency.map((histograms) => quantile(0.95, added(histograms))),
    lost,
  };
}

/** All but the traces. */
export function topicDetail(parts: readonly DetailPart[]): Omit<TopicDetail, 'sidecars' | 'slowest' | 'newest'> {
  const times = lineTimes(parts);
  const names = JSON.stringify([parts[0].row.topic, parts[0].row.pipeline]);
  const lines = topicLines(
    parts.map((part) => ({ ...part, lines: [part.line] })),
    times,
  );
  const row = topicRow(parts.map((part) => ({ part, topic: part.row })));
  const heatmap = heatmapOf(parts, times);
  const all = heatmap.counts.reduce(
    (sum, counts) => sum.map((count, i) => count + counts[i]),
    new Array<number>(heatmap.bounds.length + 1).fill(0),
  );
  const queues = Map.groupBy(
    parts.flatMap((part) => part.queues),
    ({ queue }) => queue,
  );
  return {
    at: Math.max(...parts.map(({ at }) => at)),
    row: { ...row, line: lines.get(names) as TopicLine },
    line: times,
    heatmap,
    split: {
      confirm: quantiles(added(parts.map(({ confirm }) => confirm))),
      endToEnd: quantiles({ bounds: heatmap.bounds, counts: all }),
      processing: quantiles(added(parts.map(({ processing }) => processing))),
    },
    lost: addedBy(parts.flatMap(({ lost }) => lost)),
    unknown: addedBy(parts.flatMap(({ unknown }) => unknown)),
    requeued: addedBy(parts.flatMap(({ requeued }) => requeued)),
    deadLettered: addedBy(parts.flatMap(({ deadLettered }) => deadLettered)),
    redelivered: sum(parts.map(({ redelivered }) => redelivered)),
    bytes: {
      publish: sum(parts.map(({ bytes }) => bytes.publish)),
      consume: sum(parts.map(({ bytes }) => bytes.consume)),
    },
    queues: [...queues].map(([queue, those]) => ({
      queue,
      unsettled: sum(those.map(({ unsettled }) => unsettled)),
      processing: quantiles(added(those.map(({ processing }) => processing))),
    })),
  };
}

function heatmapOf(parts: readonly DetailPart[], times: LineTimes): Heatmap {
  const { bounds } = added(parts.map((part) => ({ bounds: part.bounds, counts: [] })));
  const none = { bounds, counts: new Array<number>(bounds.length + 1).fill(0) };
  const columns: Histogram[][] = Array.from({ length: times.points }, () => [none]);
  for (const part of parts) {
    for (const [step, , , , counts] of part.line.points) {
      columns[step - times.startAt / times.stepMs]?.push({ bounds: part.bounds, counts });
    }
  }
  return { times, bounds: [...bounds], counts: columns.map((histograms) => [...added(histograms).counts]) };
}

/** Counts of equal names added up, the greatest first. */
function addedBy<T extends { count: number }>(counts: readonly T[]): T[] {
  const sums = new Map<string, T>();
  for (const each of counts) {
    const name = JSON.stringify({ ...each, count: 0 });
    const known = sums.get(name);
    sums.set(name, known === undefined ? each : { ...each, count: known.count + each.count });
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
