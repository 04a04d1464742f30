import type { AnnotationQuery, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Prometheus } from '../../testing/prometheus.ts';
export interface Line {
    /** as the panel's legend has it */
    name: string;
    labels: Record<string, string>;
    /** of its query within the panel, from 0 */
    query: number;
    /** seconds since the run began, and the value */
    points: [time: number, value: number][];
}
/** What a panel would show. */
export interface Answer {
    panel: Panel;
    /** seconds since the run began */
    range: [from: number, to: number];
    lines: Line[];
    exemplars: [time: number, value: number][];
    marks: Mark[];
}
/** Where an annotation begins. */
export interface Mark {
    time: number;
    colour: string;
}
/** What the reader has chosen; times in seconds since the epoch. */
export interface Choice {
    /** when the run began */
    zero: number;
    start: number;
    end: number;
    step: number;
    variables: Record<string, string>;
}
/** Asks Prometheus what Grafana would ask it for the panel. */
export declare function ask(prometheus: Prometheus, panel: Panel, choice: Choice): Promise<Answer>;
/** Asks for the marks of an annotation. */
export declare function askMarks(prometheus: Prometheus, annotation: AnnotationQuery, choice: Choice): Promise<Mark[]>;
