import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import { type Panel, RowBuilder, type Threshold, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
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
    bad: {
        warn: number;
        bad: number;
    } | {
        bad: number;
    } | 'never';
    queries: Query[];
    /** of 24 columns */
    width: number;
    height?: number;
}
type Shape = Builder<Panel> & {
    title(title: string): Shape;
    description(description: string): Shape;
    unit(unit: string): Shape;
    thresholds(thresholds: Builder<{
        mode: ThresholdsMode;
        steps: Threshold[];
    }>): Shape;
    datasource(datasource: common.DataSourceRef): Shape;
    withTarget(target: DataqueryBuilder): Shape;
    span(columns: number): Shape;
    height(rows: number): Shape;
};
/** What cannot be undone by a panel: called last by each of the makers below. */
export declare function finish<Made extends Shape>(panel: Made, spec: Common, query: (query: Query, refId: string) => DataqueryBuilder): Made;
/** The value now, over a whole table's rows. */
export declare function instant({ expr, legend }: Query, refId: string): DataqueryBuilder;
/** One row of the page; the panels after it are under it. */
export declare function row(title: string): RowBuilder;
/** Lines over time; `stacked` where their sum means something. */
export declare function lines(spec: Common & {
    stacked?: true;
}): Builder<Panel>;
/** One figure; `total` where it is that of the whole time range, otherwise the latest. */
export declare function stat(spec: Common & {
    none?: string;
}): Builder<Panel>;
/** Buckets over time: the queries give one series per `le`. */
export declare function heatmap(spec: Common & {
    cells: Unit;
}): Builder<Panel>;
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
export declare function table(spec: Common & {
    labels: string[];
    columns: Column[];
    link?: {
        title: string;
        url: string;
    };
}): Builder<Panel>;
export {};
