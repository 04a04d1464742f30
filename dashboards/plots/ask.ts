import type { AnnotationQuery, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Prometheus } from '../../testing/prometheus.ts';

export interface Line {
  /** as the panel's legend has it */
  name: string;
  labels: Record<string, string>;
  /** of its query within the panel, from 0 */
  query: number;
  /** seconds since the run began, and the value */
  points: [time: number, value: number][];
}

/** What a panel would show. */
export interface Answer {
  panel: Panel;
  /** seconds since the run began */
  range: [from: number, to: number];
  lines: Line[];
  exemplars: [time: number, value: number][];
  marks: Mark[];
}

/** Where an annotation begins. */
export interface Mark {
  time: number;
  colour: string;
}

/** What the reader has chosen; times in seconds since the epoch. */
export interface Choice {
  /** when the run began */
  zero: number;
  start: number;
  end: number;
  step: number;
  variables: Record<string, string>;
}

interface Matrix {
  result: { metric: Record<string, string>; values: [number, string][] }[];
}
type Exemplars = { exemplars: { value: string; timestamp: number }[] }[];

/** Asks Prometheus what Grafana would ask it for the panel. */
export async function ask(prometheus: Prometheus, panel: Panel, choice: Choice): Promise<Answer> {
  const { zero, start, end, step } = choice;
  const answer: Answer = { panel, range: [start - zero, end - zero], lines: [], exemplars: [], marks: [] };
  for (const [query, target] of ((panel.targets ?? []) as Dataquery[]).entries()) {
    const range = { query: filledIn(target.expr, choice), start: String(start), end: String(end), step: String(step) };
    const { result } = (await prometheus.api('query_range', range)) as Matrix;
    for (const { metric, values } of result) {
      const points = values.map(([time, value]): [number, number] => [
        time - zero,
        Number(value.replace('Inf', 'Infinity')),
      ]);
      answer.lines.push({ name: legend(target.legendFormat ?? '', metric), labels: metric, query, points });
    }
    if (!target.exemplar) continue;
    const found = ((await prometheus.api('query_exemplars', range)) as Exemplars).flatMap(({ exemplars }) => exemplars);
    answer.exemplars = slowest(found.map(({ timestamp, value }) => [timestamp - zero, Number(value)]));
  }
  return answer;
}

/** Asks for the marks of an annotation. */
export async function askMarks(prometheus: Prometheus, annotation: AnnotationQuery, choice: Choice): Promise<Mark[]> {
  const { zero, start, end, step } = choice;
  const query = filledIn(annotation.expr ?? '', choice);
  const range = { query, start: String(start), end: String(end), step: String(step) };
  const { result } = (await prometheus.api('query_range', range)) as Matrix;
  return result.flatMap(({ values }) =>
    values
      .map(([time]) => time)
      .filter((time, index, times) => index === 0 || time - times[index - 1] > step)
      .map((time) => ({ time: time - zero, colour: annotation.iconColor })),
  );
}

function filledIn(expr: string, { start, end, step, variables }: Choice): string {
  const own = { __rate_interval: `${4 * step}s`, __range: `${Math.round(end - start)}s`, ...variables };
  return Object.entries(own).reduce(
    (text, [name, value]) => text.replaceAll(`\${${name}:regex}`, value).replaceAll(`$${name}`, value),
    expr,
  );
}

function legend(format: string, labels: Record<string, string>): string {
  return format.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '');
}

/** One every two seconds: Grafana thins them out as well. */
function slowest(exemplars: [number, number][]): [number, number][] {
  const byTime = Map.groupBy(exemplars, ([time]) => Math.floor(time / 2));
  return [...byTime.values()].map((of) => of.reduce((most, each) => (each[1] > most[1] ? each : most)));
}
