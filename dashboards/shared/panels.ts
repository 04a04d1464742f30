import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import {
  type DataTransformerConfig,
  FieldColorBuilder,
  FieldColorModeId,
  type Panel,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmaps from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stats from '@grafana/grafana-foundation-sdk/stat';
import * as tables from '@grafana/grafana-foundation-sdk/table';
import * as timeSeries from '@grafana/grafana-foundation-sdk/timeseries';
import { PROMETHEUS } from './frame.ts';

/** Of Grafana's ids; rates of rare things are told per minute. */
export type Unit = 's' | 'mps' | 'mpm' | 'cpm' | 'eps' | 'percentunit' | 'bytes' | 'Bps' | 'short';

export interface Query {
  expr: string;
  /** of the legend; `{{label}}` is replaced */
  legend: string;
  /** show the trace ids its buckets carry */
  exemplar?: true;
}

/** What every panel has: nobody should have to guess what a line means, or from where on it is bad. */
export interface Common {
  title: string;
  /** a sentence or more */
  description: string;
  unit: Unit;
  /** from where on the value is worth a look, and bad; `never` where no value is bad in itself */
  bad: { warn: number; bad: number } | { bad: number } | 'never';
  queries: Query[];
  /** of 24 columns */
  width: number;
  height?: number;
}

type Shape = Builder<Panel> & {
  title(title: string): Shape;
  description(description: string): Shape;
  unit(unit: string): Shape;
  thresholds(thresholds: Builder<{ mode: ThresholdsMode; steps: Threshold[] }>): Shape;
  datasource(datasource: common.DataSourceRef): Shape;
  withTarget(target: DataqueryBuilder): Shape;
  span(columns: number): Shape;
  height(rows: number): Shape;
};

/** What cannot be undone by a panel: called last by each of the makers below. */
export function finish<Made extends Shape>(
  panel: Made,
  spec: Common,
  query: (query: Query, refId: string) => DataqueryBuilder,
): Made {
  const { title, description, unit, bad, queries, width, height = 8 } = spec;
  panel.title(title).description(described(description, queries)).unit(unit).thresholds(thresholds(bad));
  panel.datasource(PROMETHEUS).span(width).height(height);
  for (const [index, each] of queries.entries()) panel.withTarget(query(each, String.fromCharCode(65 + index)));
  return panel;
}

/** Colons in a name are what Prometheus keeps for recording rules: an empty panel has to say what it lacks. */
export const RECORDED = /\b[a-z_]+:\w+(:\w+)?\b/;

function described(description: string, queries: Query[]): string {
  if (!queries.some(({ expr }) => RECORDED.test(expr))) return description;
  return `${description} Empty without the recording rules of dashboards/prometheus/rules in Prometheus.`;
}

function thresholds(bad: Common['bad']): ThresholdsConfigBuilder {
  const steps: Threshold[] = [{ value: null, color: bad === 'never' ? 'blue' : 'green' }];
  if (bad !== 'never' && 'warn' in bad) steps.push({ value: bad.warn, color: 'orange' });
  if (bad !== 'never') steps.push({ value: bad.bad, color: 'red' });
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}

function target({ expr, legend, exemplar }: Query, refId: string): DataqueryBuilder {
  const query = new DataqueryBuilder().refId(refId).datasource(PROMETHEUS).expr(expr).legendFormat(legend).range();
  return exemplar ? query.exemplar(true) : query;
}

/** The value now, over a whole table's rows. */
export function instant({ expr, legend }: Query, refId: string): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(refId)
    .datasource(PROMETHEUS)
    .expr(expr)
    .legendFormat(legend)
    .format(PromQueryFormat.Table)
    .instant();
}

/** One row of the page; the panels after it are under it. */
export function row(title: string): RowBuilder {
  return new RowBuilder(title);
}

/** Lines over time; `stacked` where their sum means something. */
export function lines(spec: Common & { stacked?: true }): Builder<Panel> {
  const panel = new timeSeries.PanelBuilder()
    .lineWidth(1)
    .fillOpacity(spec.stacked ? 40 : 8)
    .showPoints(common.VisibilityMode.Auto)
    .min(0)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['mean', 'max', 'lastNotNull']),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName));
  if (spec.stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (spec.bad !== 'never')
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
  return finish(panel, spec, target);
}

/** One figure; `total` where it is that of the whole time range, otherwise the latest. */
export function stat(spec: Common & { none?: string }): Builder<Panel> {
  const panel = new stats.PanelBuilder()
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .graphMode(common.BigValueGraphMode.Area)
    .colorMode(common.BigValueColorMode.Value)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
  if (spec.none !== undefined) panel.noValue(spec.none);
  // increase() estimates parts of messages.
  if (spec.unit === 'short') panel.decimals(0);
  return finish(panel, { height: 4, ...spec }, target);
}

/** Buckets over time: the queries give one series per `le`. */
export function heatmap(spec: Common & { cells: Unit }): Builder<Panel> {
  const panel = new heatmaps.PanelBuilder()
    .calculate(false)
    .color(
      new heatmaps.HeatmapColorOptionsBuilder()
        .mode(heatmaps.HeatmapColorMode.Scheme)
        .scheme('Turbo')
        .scale(heatmaps.HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .yAxis(new heatmaps.YAxisConfigBuilder().unit(spec.unit))
    .cellValues(new heatmaps.CellValuesBuilder().unit(spec.cells))
    // An empty bucket is background, not the darkest colour.
    .filterValues(new heatmaps.FilterValueRangeBuilder().le(1e-9))
    .tooltip(new heatmaps.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true))
    .showLegend()
    .exemplarsColor('rgba(255,0,255,0.7)');
  return finish(panel, spec, (query, refId) => target(query, refId).format(PromQueryFormat.Heatmap));
}

/** A property of the column that shows this query. */
export interface Column {
  name: string;
  unit: Unit;
  bad?: Exclude<Common['bad'], 'never'>;
}

/**
 * Rows by labels, a column for each query in its order. `labels` are the columns that name the row;
 * `link` is where the first of them leads.
 */
export function table(
  spec: Common & { labels: string[]; columns: Column[]; link?: { title: string; url: string } },
): Builder<Panel> {
  const ids = spec.columns.map(
    (_, index) => `Value${spec.columns.length > 1 ? ` #${String.fromCharCode(65 + index)}` : ''}`,
  );
  const panel = new tables.PanelBuilder()
    .transformations(asTable(spec.labels, ids, spec.columns))
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(spec.columns[0].name).desc(true)]);
  for (const { name, unit, bad } of spec.columns) {
    panel.overrideByName(name, [
      { id: 'unit', value: unit },
      ...(bad === undefined
        ? []
        : [
            { id: 'thresholds', value: thresholds(bad).build() },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]),
    ]);
  }
  if (spec.link) panel.overrideByName(spec.labels[0], [{ id: 'links', value: [{ ...spec.link, targetBlank: false }] }]);
  return finish(panel, spec, instant);
}

function asTable(labels: string[], ids: string[], columns: Column[]): DataTransformerConfig[] {
  const order = [...labels, ...ids];
  return [
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(order.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(ids.map((id, index) => [id, columns[index].name])),
      },
    },
  ];
}
