import type { AnnotationQuery, Dashboard, Panel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
export declare const text: (name: string) => string;
export declare const committed: [name: string, dashboard: Dashboard][];
export interface Asked {
    /** of the panel; or which variable or annotation */
    where: string;
    expr: string;
    /** labels its legend or text shows */
    shown: string[];
    exemplar: boolean;
}
export declare const isPanel: (each: {
    type: string;
}) => each is Panel;
export declare const panelsOf: ({ panels }: Dashboard) => Panel[];
export declare const variablesOf: ({ templating }: Dashboard) => VariableModel[];
export declare const annotationsOf: ({ annotations }: Dashboard) => AnnotationQuery[];
export declare const targetsOf: ({ targets }: Panel) => Dataquery[];
export declare function queriesOf(panel: Panel): Asked[];
export declare function marksOf(dashboard: Dashboard): Asked[];
/** `label_values(selector, label)` of the variables that ask Prometheus. */
export declare function labelValuesOf(dashboard: Dashboard): {
    name: string;
    selector: string;
    label: string;
}[];
