import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';

/** What the reader chose above the panels. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: `\${datasource}` };

export const UIDS = { overview: 'tracehare-overview', topic: 'tracehare-topic', sidecars: 'tracehare-sidecars' };

/** A dashboard with what all of them share; variables, links and panels come after. */
export function dashboard(uid: string, title: string, description: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['tracehare', 'rabbitmq'])
    .timezone('browser')
    .refresh('10s')
    .time({ from: 'now-15m', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(datasource('datasource', 'Metrics', 'prometheus', 'Prometheus that scrapes the sidecars.'))
    .withVariable(datasource('tracing', 'Traces', 'jaeger', 'Jaeger that the sidecars export to.'));
}

function datasource(name: string, label: string, type: string, description: string): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder(name).label(label).description(description).type(type);
}

const ALL = { text: ['All'], value: ['$__all'], selected: true };

/** Values of a label, several or all of them. */
export function choice(name: string, label: string, description: string, query: string): QueryVariableBuilder {
  return values(name, label, description, query).multi(true).includeAll(true).allValue('.*').current(ALL);
}

/** Values of a label, one of them. */
export function values(name: string, label: string, description: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(PROMETHEUS)
    .query({ query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** The other dashboard, with the time range and the variables that both have. */
export function linkTo(uid: string, title: string, tooltip: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('dashboard')
    .tooltip(tooltip)
    .url(`/d/${uid}`)
    .keepTime(true)
    .includeVars(true)
    .targetBlank(false);
}

/** Jaeger's traces of the time range in Explore; `tags` as Jaeger's search takes them (logfmt). */
export function linkToTraces(title: string, tags?: string): DashboardLinkBuilder {
  const tracing = `\${tracing}`;
  const query = {
    refId: 'A',
    datasource: { type: 'jaeger', uid: tracing },
    queryType: 'search',
    ...(tags ? { tags } : {}),
  };
  const panes = { traces: { datasource: tracing, queries: [query], range: { from: `\${__from}`, to: `\${__to}` } } };
  // Grafana fills the variables in before the address is used: only what is between them is encoded.
  const encoded = encodeURIComponent(JSON.stringify(panes)).replace(/%24%7B(\w+)%7D/g, `\${$1}`);
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('external link')
    .tooltip('Traces of this time range in Jaeger.')
    .url(`/explore?schemaVersion=1&panes=${encoded}`)
    .targetBlank(true);
}

/** A mark wherever the expression has a value above 0. */
export function marks(name: string, colour: string, expr: string, title: string, text: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .hide(false)
    .iconColor(colour)
    .expr(expr)
    .step('30s')
    .titleFormat(title)
    .textFormat(text);
}

/** `instance` is a pattern. One mark for all sidecars that reload together. */
export function reloadMarks(instance: string): AnnotationQueryBuilder {
  return marks(
    'Configuration reloads',
    'blue',
    `count by (result) (increase(tracehare_config_reloads_total{instance=~"${instance}"}[1m]) > 0)`,
    'Configuration reloaded: {{result}}',
    'Sidecars that read their configuration anew within a minute.',
  );
}

/** A mark for as long as faults of a type are in force. */
export function faultMarks(instance: string): AnnotationQueryBuilder {
  return marks(
    'Faults injected on purpose',
    'orange',
    `sum by (type) (tracehare_faults_active{instance=~"${instance}"}) > 0`,
    'Fault in force: {{type}}',
    'Rules make sidecars inject it (docs/faults.md).',
  );
}
