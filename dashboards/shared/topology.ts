import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { EdgeOptionsBuilder, PanelBuilder } from '@grafana/grafana-foundation-sdk/nodegraph';
import { type Common, finish, instant, table } from './panels.ts';

// Who talks to whom. Edges are app > exchange, exchange > queue and queue > app, or app > queue by the default exchange.

/** Series by id, source, target and kind; `metric` counts something by edge. */
export type Edges = (metric: string, labels?: string) => string;

export function edges(chosen: string): Edges {
  return (metric, labels = '') =>
    `sum by (id, source, target, kind) (rate(${metric}{${labels}${chosen}}[$__rate_interval]))`;
}

/** `name` is a regular expression. Those of one exchange or queue: into it, out of it, and out of the queues that it routes to. */
export function edgesOf(name: string, chosen: string): Edges {
  const all = edges(chosen);
  // Between backticks backslashes are what they are: Grafana's regular expressions have single ones.
  const place = `~\`(exchange|queue):.*:${name}\``;
  return (metric, labels = '') => {
    const routes = all('tracehare_topology_messages_total', `kind="route", source=~\`exchange:.*:${name}\`, `);
    return [
      all(metric, `target=${place}, ${labels}`),
      all(metric, `source=${place}, ${labels}`),
      `${all(metric, `kind="deliver", ${labels}`)} and on (source) ${copied(routes, 'source', 'target')}`,
    ].join(' or ');
  };
}

const copied = (expr: string, to: string, from: string, pattern = '(.*)'): string =>
  `label_replace(${expr}, "${to}", "$1", "${from}", "${pattern}")`;

/** Circles and arrows: apps, exchanges and queues, with the messages a second between them. */
export function serviceMap(spec: Omit<Common, 'queries' | 'unit' | 'bad'>, of: Edges): Builder<Panel> {
  const arrows = of('tracehare_topology_messages_total');
  const ends = `${copied(`(${arrows})`, 'id', 'source')} or ${copied(`(${arrows})`, 'id', 'target')}`;
  const nodes = `max by (id, title, subtitle, kind) (tracehare_topology_node_info) and on (id) (${ends})`;
  const panel = new PanelBuilder()
    .edges(new EdgeOptionsBuilder().mainStatUnit('mps'))
    // The panel knows its columns by name.
    .transformations([{ id: 'organize', options: { renameByName: { 'Value #edges': 'mainstat' } } }]);
  const queries = [
    { expr: nodes, legend: '{{title}}' },
    { expr: arrows, legend: '{{source}} > {{target}}' },
  ];
  return finish(panel, { ...spec, unit: 'mps', bad: 'never', queries }, (query, refId) =>
    instant(query, refId === 'A' ? 'nodes' : 'edges'),
  );
}

/** Apps, what they do and where, how much of it and what is lost. */
export function participants(spec: Omit<Common, 'queries' | 'unit' | 'bad'>, of: Edges): Builder<Panel> {
  const rows = (metric: string): string => {
    const side = (kind: string, app: string, place: string) =>
      copied(
        copied(`(${of(metric, `kind="${kind}", `)})`, 'app', app, 'app:(.*)'),
        'place',
        place,
        '((?:exchange|queue):.*)',
      );
    return `sum by (app, kind, place) (${side('publish', 'source', 'target')} or ${side('deliver', 'target', 'source')})`;
  };
  return table({
    ...spec,
    unit: 'mps',
    bad: 'never',
    labels: ['app', 'kind', 'place'],
    columns: [
      { name: 'Messages', unit: 'mps' },
      { name: 'Lost', unit: 'mpm', bad: { bad: 0.001 } },
    ],
    queries: [
      { expr: rows('tracehare_topology_messages_total'), legend: '' },
      { expr: `60 * ${rows('tracehare_topology_lost_total')}`, legend: '' },
    ],
  });
}
