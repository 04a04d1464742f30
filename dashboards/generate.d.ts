import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
/** By file name, without `.json`. */
export declare const dashboards: Record<string, Dashboard>;
export declare function pathOf(name: string): string;
export declare function rendered(name: string): string;
