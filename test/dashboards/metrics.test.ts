import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { REGISTERED } from '../../src/telemetry/exposition/sidecar-metrics.ts';
import { FINDINGS } from '../../src/telemetry/findings/findings.ts';
import { textOf } from '../metrics/rig.ts';
import { committed, labelValuesOf, marksOf, panelsOf, queriesOf } from './committed.ts';

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Names by which queries may ask, to the exported metric they are of. */
const exported = new Map<string, string>();
const labels = new Map<string, string[]>();
const { metrics } = loadConfig({ argv: [], env: {} });
const exposition = new Exposition({ ...metrics, version: '' });
for (const { name, type, labels: own } of [...exposition.declarations, ...Object.values(REGISTERED), FINDINGS]) {
  const names = type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name];
  for (const each of names) {
    exported.set(each, name);
    labels.set(each, [...own, ...(type === 'histogram' ? ['le'] : []), 'instance', 'job']);
  }
}
/** As the process figures of prom-client are called. */
const PROCESS = /^(process|nodejs)_/;
const processFigures = [...(await textOf(exposition.render())).matchAll(/^# TYPE (\S+) /gm)]
  .map(([, name]) => name)
  .filter((name) => PROCESS.test(name));
for (const name of processFigures)
  for (const end of ['', '_sum', '_count', '_bucket']) exported.set(`${name}${end}`, name);

/** Expressions by the name they are recorded under. */
const recorded = new Map<string, string>();
for (const name of readdirSync(new URL('../../dashboards/prometheus/rules/', import.meta.url))) {
  const { groups } = parse(file(`dashboards/prometheus/rules/${name}`));
  for (const { record, expr } of groups.flatMap(({ rules }: { rules: { record?: string; expr: string }[] }) => rules))
    if (record !== undefined) recorded.set(record, `${recorded.get(record) ?? ''} ${expr}`);
}

const NAME = /(?<![\w:"$.])(?:[a-z_]+:[\w:]+|(?:event|messaging|tracehare|process|nodejs)_\w+)/g;
/** What is quoted is a value. */
const namesIn = (expr: string): string[] =>
  [...expr.replace(/"[^"]*"|`[^`]*`/g, '""').matchAll(NAME)].map(([name]) => name);

/** Exported metrics behind an expression, through the rules. */
function behind(expr: string, seen = new Set<string>()): string[] {
  return namesIn(expr).flatMap((name) => {
    if (seen.has(name)) return [];
    seen.add(name);
    const rule = recorded.get(name);
    return rule === undefined ? [exported.get(name) ?? name] : behind(rule, seen);
  });
}

const asked = committed.flatMap(([dashboard, content]) =>
  [
    ...panelsOf(content).flatMap(queriesOf),
    ...marksOf(content),
    ...labelValuesOf(content).map(({ name, selector }) => ({ where: `variable ${name}`, expr: selector })),
  ].map((each) => ({ ...each, dashboard })),
);

describe('the metrics of the dashboards', () => {
  test('are all exported or recorded', () => {
    expect(asked.length).toBeGreaterThan(50);
    for (const { dashboard, where, expr } of asked) {
      const names = namesIn(expr);
      expect(names.length, `${dashboard}: ${where}: ${expr}`).toBeGreaterThan(0);
      for (const name of names)
        expect(exported.has(name) || recorded.has(name), `${dashboard}: ${where}: ${name}`).toBe(true);
    }
  });

  test('have the labels that queries choose by', () => {
    for (const { dashboard, where, expr } of asked) {
      for (const [, name, matchers] of expr.matchAll(/((?:event|tracehare)_\w+)\{([^}]*)\}/g)) {
        const own = labels.get(name);
        for (const [, label] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)["`]/g))
          expect(own, `${dashboard}: ${where}: ${name} by ${label}`).toContain(label);
      }
    }
  });

  test('every exported metric is on a dashboard, or in the list of docs/dashboards.md with the reason', () => {
    const shown = new Set(asked.flatMap(({ expr }) => behind(expr)));
    const page = file('docs/dashboards.md');
    const [, list] = page.split('## Metrics on no dashboard\n');
    const excused = new Set(
      [...list.matchAll(/^\|([^|]*)\|/gm)]
        .flatMap(([, cell]) => [...cell.matchAll(/`(\w+)`/g)])
        .map(([, name]) => name),
    );
    const all = new Set(exported.values());
    expect(
      [...all].filter((name) => !shown.has(name) && !excused.has(name)),
      'neither shown nor listed',
    ).toEqual([]);
    expect(
      [...excused].filter((name) => !all.has(name)),
      'listed, but not exported',
    ).toEqual([]);
    expect(
      [...excused].filter((name) => shown.has(name)),
      'listed, but shown',
    ).toEqual([]);
  });
});
