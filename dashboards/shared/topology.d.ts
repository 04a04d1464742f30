import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { type Common } from './panels.ts';
/** Series by id, source, target and kind; `metric` counts something by edge. */
export type Edges = (metric: string, labels?: string) => string;
export declare function edges(chosen: string): Edges;
/** `name` is a regular expression. Those of one exchange or queue: into it, out of it, and out of the queues that it routes to. */
export declare function edgesOf(name: string, chosen: string): Edges;
/** Circles and arrows: apps, exchanges and queues, with the messages a second between them. */
export declare function serviceMap(spec: Omit<Common, 'queries' | 'unit' | 'bad'>, of: Edges): Builder<Panel>;
/** Apps, what they do and where, how much of it and what is lost. */
export declare function participants(spec: Omit<Common, 'queries' | 'unit' | 'bad'>, of: Edges): Builder<Panel>;
