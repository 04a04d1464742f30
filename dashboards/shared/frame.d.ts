import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';
import { AnnotationQueryBuilder, DashboardBuilder, DashboardLinkBuilder, QueryVariableBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
/** What the reader chose above the panels. */
export declare const PROMETHEUS: DataSourceRef;
export declare const UIDS: {
    overview: string;
    topic: string;
    sidecars: string;
};
/** A dashboard with what all of them share; variables, links and panels come after. */
export declare function dashboard(uid: string, title: string, description: string): DashboardBuilder;
/** Values of a label, several or all of them. */
export declare function choice(name: string, label: string, description: string, query: string): QueryVariableBuilder;
/** Values of a label, one of them. */
export declare function values(name: string, label: string, description: string, query: string): QueryVariableBuilder;
/** The other dashboard, with the time range and the variables that both have. */
export declare function linkTo(uid: string, title: string, tooltip: string): DashboardLinkBuilder;
/** Jaeger's traces of the time range in Explore; `tags` as Jaeger's search takes them (logfmt). */
export declare function linkToTraces(title: string, tags?: string): DashboardLinkBuilder;
/** A mark wherever the expression has a value above 0. */
export declare function marks(name: string, colour: string, expr: string, title: string, text: string): AnnotationQueryBuilder;
/** `instance` is a pattern. One mark for all sidecars that reload together. */
export declare function reloadMarks(instance: string): AnnotationQueryBuilder;
/** A mark for as long as faults of a type are in force. */
export declare function faultMarks(instance: string): AnnotationQueryBuilder;
