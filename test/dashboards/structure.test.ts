import { readFileSync } from 'node:fs';
import type { Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { dashboards, rendered } from '../../dashboards/generate.ts';
import { SHOWN } from '../../dashboards/plots.ts';
import { annotationsOf, committed, panelsOf, queriesOf, targetsOf, text, variablesOf } from './committed.ts';

const root = new URL('../../', import.meta.url);
const sources = parse(
  readFileSync(new URL('dashboards/grafana/provisioning/datasources/tracehare.yml', root), 'utf8'),
).datasources;
const sourceOf = (type: string) => sources.find((each: { type: string }) => each.type === type);
const uids = committed.map(([, { uid }]) => uid);

test('what is committed is what the code generates', () => {
  expect(committed.map(([name]) => name).sort()).toEqual(Object.keys(dashboards).sort());
  for (const [name] of committed) expect(text(name), `${name}: run \`npm run dashboards\``).toBe(rendered(name));
});

test('every dashboard has an address of its own', () => {
  expect(new Set(uids).size).toBe(uids.length);
  for (const uid of uids) expect(uid).toMatch(/^[a-z-]{1,40}$/);
});

test('every dashboard has a picture in the docs, of panels it has', () => {
  const page = readFileSync(new URL('docs/dashboards.md', root), 'utf8');
  for (const [name, dashboard] of committed) {
    expect(page).toContain(`](dashboard-${name}.svg)`);
    const svg = readFileSync(new URL(`docs/dashboard-${name}.svg`, root), 'utf8');
    const titles = panelsOf(dashboard).map(({ title }) => title);
    for (const title of SHOWN[name].panels) {
      expect(titles, name).toContain(title);
      expect(svg.includes(`>${title}<`), `${title} is in the picture: run \`npm run plots\``).toBe(true);
    }
  }
});

test('the overview reads what all sidecars together saw, not what each of them saw', () => {
  const [, overview] = committed.find(([name]) => name === 'overview') as (typeof committed)[number];
  for (const { where, expr } of panelsOf(overview).flatMap(queriesOf)) {
    // where there is a series for every topic, status or bucket of every sidecar
    for (const [, rest] of expr.matchAll(/\bevent_(?:throughput|latency|confirm|processing|bytes)_\w+(?=[{[])([^)]*)/g))
      expect(rest, `${where}: ${expr}`).toContain('@ end(');
  }
});

describe.each(committed)('%s', (_, dashboard) => {
  const panels = panelsOf(dashboard);
  const names = variablesOf(dashboard).map(({ name }) => name);

  test('a panel that reads recorded series says so, and no other does', () => {
    for (const panel of panels) {
      const recorded = queriesOf(panel).some(({ expr }) => /\b[a-z_]+:\w+/.test(expr.replaceAll(/"[^"]*"/g, '')));
      expect(panel.description?.includes('Empty without the recording rules'), panel.title).toBe(recorded);
    }
  });

  test('every panel has a title of its own, a description, a unit and thresholds', () => {
    expect(panels.length).toBeGreaterThan(10);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    for (const { title, description, fieldConfig } of panels) {
      expect(title, 'a title').toBeTruthy();
      expect(description, title).toMatch(/^[A-Z].*\.$/);
      expect(fieldConfig?.defaults.unit, title).toBeTruthy();
      const steps = fieldConfig?.defaults.thresholds?.steps ?? [];
      expect(steps[0], title).toMatchObject({ value: null });
      const values = steps.slice(1).map(({ value }) => value as number);
      expect(values, title).toEqual(values.toSorted((a, b) => a - b));
    }
  });

  test('ids are unique, and no two panels lie on each other or stick out', () => {
    const all = dashboard.panels as (Panel | RowPanel)[];
    const ids = all.map(({ id }) => id);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of all) {
      if (gridPos === undefined) throw new Error(`${title} has no place`);
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x},${y}`), `${title} at ${x},${y}`).toBe(false);
          cells.add(`${x},${y}`);
        }
      }
    }
  });

  test('whatever asks something asks the chosen data source, and with a refId of its own', () => {
    const chosen = { type: 'prometheus', uid: '${' + 'datasource}' };
    for (const panel of panels) {
      expect(panel.datasource, panel.title).toEqual(chosen);
      const targets = targetsOf(panel);
      expect(targets.length, panel.title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size, panel.title).toBe(targets.length);
      for (const { datasource } of targets) expect(datasource, panel.title).toEqual(chosen);
    }
    for (const { name, datasource } of annotationsOf(dashboard)) expect(datasource, name).toEqual(chosen);
    for (const { type, name, datasource } of variablesOf(dashboard))
      if (type === 'query') expect(datasource, name).toEqual(chosen);
  });

  test('has the variables it mentions, and mentions those it has', () => {
    const used = [...text(_).matchAll(/\$\{?(\w+)/g)].map(([, name]) => name).filter((name) => !/^(__|\d)/.test(name));
    expect(names).toEqual(expect.arrayContaining(['datasource', 'tracing', 'pipeline']));
    expect([...new Set(used)].sort()).toEqual(names.toSorted());
    for (const { name, label, description } of variablesOf(dashboard)) {
      expect(label, name).toBeTruthy();
      expect(description, name).toMatch(/\.$/);
    }
  });

  test('leads to the others, with the time range and the variables, and to Jaeger', () => {
    const links = dashboard.links ?? [];
    const others = links.filter(({ url }) => url?.startsWith('/d/'));
    expect(others.map(({ url }) => url?.slice('/d/'.length)).sort()).toEqual(
      uids.filter((uid) => uid !== dashboard.uid).sort(),
    );
    for (const link of others) expect(link).toMatchObject({ keepTime: true, includeVars: true });
    const [traces] = links.filter(({ url }) => url?.startsWith('/explore'));
    const filled = traces.url?.replace('${' + '__from}', '1').replace('${' + '__to}', '2') ?? '';
    const panes = JSON.parse(new URLSearchParams(filled.split('?')[1]).get('panes') ?? '');
    expect(panes.traces.queries).toEqual([expect.objectContaining({ queryType: 'search' })]);
    expect(panes.traces.datasource).toBe('${' + 'tracing}');
  });

  test('every panel that shows message histograms shows exemplars, with one query', () => {
    const shown = panels
      .filter(({ type }) => type === 'heatmap' || type === 'timeseries')
      .map((panel) => queriesOf(panel));
    for (const queries of shown) {
      const histograms = queries.filter(({ expr }) =>
        /event_(latency|confirm|processing)_seconds_bucket\b(?!:)/.test(expr),
      );
      if (histograms.length === 0) continue;
      // Grafana asks for exemplars of a metric once a panel, with the first query that has it.
      expect(
        queries.map(({ exemplar }) => exemplar),
        queries[0].where,
      ).toEqual([true, ...queries.slice(1).map(() => false)]);
    }
    if (dashboard.uid !== 'tracehare-sidecars')
      expect(shown.flat().filter(({ exemplar }) => exemplar).length).toBeGreaterThan(1);
  });
});

describe('the data sources', () => {
  const uidOf = (type: string) => sourceOf(type).uid;

  test('an exemplar of Prometheus leads to its trace in Jaeger', () => {
    for (const { name, datasourceUid } of sourceOf('prometheus').jsonData.exemplarTraceIdDestinations) {
      expect(name).toBe('trace_id');
      expect(datasourceUid).toBe(uidOf('jaeger'));
    }
  });

  test('a span of Jaeger leads back to the metrics of its topic', () => {
    const { datasourceUid, tags, queries } = sourceOf('jaeger').jsonData.tracesToMetrics;
    expect(datasourceUid).toBe(uidOf('prometheus'));
    expect(tags).toEqual([{ key: 'messaging.destination.template', value: 'topic' }]);
    for (const { query } of queries) expect(query).toContain('$__tags');
  });
});
