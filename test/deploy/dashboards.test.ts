import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { end, signal, start } from '../support/processes.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { startTracehare, type Tracehare } from '../support/tracehare.ts';
import { createVhost, type Vhost } from '../support/vhost.ts';
import { until } from '../support/wait.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults: { unit?: string } };
  options?: { cellValues?: { unit?: string } };
  targets?: { expr: string; datasource: { uid: string } }[];
}

interface Dashboard {
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; query: string | { query: string } }[] };
}

const folder = new URL('../../dashboards/grafana/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const dashboards = names.map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))]) as [
  string,
  Dashboard,
][];
const metrics = documentedMetrics();

/** Labels by metric, as docs/metrics.md tells them; histograms under the names of their series. */
function documentedMetrics(): Map<string, string[]> {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const found = new Map<string, string[]>();
  for (const [, name, kind, labels] of page.matchAll(/^\| `(\w+)` *\| (\w+) *\|([^|]*)\|/gm)) {
    // Prometheus' own
    const all = [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).concat('instance', 'job');
    if (kind === 'histogram')
      for (const part of ['bucket', 'sum', 'count']) found.set(`${name}_${part}`, [...all, 'le']);
    else found.set(name, all);
  }
  return found;
}

function queriesOf({ panels }: Dashboard): { title: string; expr: string }[] {
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));
}

/** What Grafana makes of its variables. */
function filledIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '15s')
    .replaceAll('$__range', '15m')
    .replaceAll('$pipeline', '.*')
    .replaceAll('$topic', '.*');
}

describe.each(dashboards)('%s', (_, dashboard) => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');

  test('every panel has a title of its own, a description and a unit, and asks the chosen data source', () => {
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, description, fieldConfig, options, targets = [] } of panels) {
      expect(description, title).toMatch(/\.$/);
      expect(fieldConfig?.defaults.unit ?? options?.cellValues?.unit, title).toBeTruthy();
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { datasource } of targets) expect(datasource.uid, title).toBe('${' + 'datasource}');
    }
  });

  test('no two panels lie on each other and none sticks out', () => {
    const cells = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x},${y}`), `${title} at ${x},${y}`).toBe(false);
          cells.add(`${x},${y}`);
        }
      }
    }
  });

  test('every metric and label it asks for is documented', () => {
    const variables = dashboard.templating.list.map(({ query }) => (typeof query === 'string' ? query : query.query));
    const asked = [...queriesOf(dashboard).map(({ expr }) => expr), ...variables].flatMap((expr) => {
      const used = [...expr.matchAll(/\b(?:event|messaging|tracehare)_\w+/g)].map(([name]) => name);
      const labels = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list.split(', '));
      const matched = [...expr.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)].map(([, label]) => label);
      return used.map((name) => ({ name, labels: [...labels, ...matched] }));
    });
    expect(asked.length).toBeGreaterThan(0);
    for (const { name, labels } of asked) {
      expect([...metrics.keys()]).toContain(name);
      expect(metrics.get(name), name).toEqual(expect.arrayContaining(labels));
    }
  });
});

describe('beside real traffic', () => {
  // Nothing of this goes wrong here: the query must be accepted, and may be empty.
  const quiet = /event_unknown_total|event_dead_lettered_total|bypassed_connections|unobserved_total/;

  let vhost: Vhost;
  let sidecars: Tracehare[] = [];
  let prometheus: Prometheus;
  const apps: ReturnType<typeof start>[] = [];

  beforeAll(async () => {
    vhost = await createVhost();
    const upstream = `amqp://127.0.0.1:${vhost.port}`;
    sidecars = await Promise.all(
      ['order', 'payment'].map(() => startTracehare({ upstream, args: ['--pipeline', 'shop'] })),
    );
    prometheus = await startPrometheus({
      targets: sidecars.map(({ adminPort }) => `127.0.0.1:${adminPort}`),
      exemplars: true,
    });
    for (const [index, name] of ['order-service', 'payment-service'].entries()) {
      const script = fileURLToPath(new URL(`../../demo/${name}.ts`, import.meta.url));
      // fast, so that the rare things happen too
      const env = { ...process.env, AMQP_URL: vhost.url(sidecars[index].port), ORDERS_PER_SECOND: '200' };
      apps.push(start(process.execPath, [script], { env, stdio: 'ignore' }));
    }
  });
  afterAll(async () => {
    for (const app of apps) {
      signal(app, 'SIGTERM');
      await end(app);
    }
    await prometheus?.stop();
    await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    await vhost?.remove();
  });

  test.each(dashboards)(
    'every query of %s has an answer',
    async (_, dashboard) => {
      for (const { title, expr } of queriesOf(dashboard)) {
        if (quiet.test(expr)) {
          await prometheus.query(filledIn(expr));
          continue;
        }
        await until(
          async () => {
            if (expr.includes('connections_closed')) await (await connect(vhost.url(sidecars[0].port))).close();
            const series = await prometheus.query(filledIn(expr));
            return series.some(({ value }) => Number.isFinite(value));
          },
          () => `"${title}" shows something: ${filledIn(expr)}`,
        );
      }
    },
    60_000,
  );
});
