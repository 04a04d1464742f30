export interface Rule {
    record?: string;
    alert?: string;
    expr: string;
    for?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
}
export declare const prometheusFolder: string;
/** Names of the files in dashboards/prometheus/rules. */
export declare const ruleFiles: string[];
export declare function textOf(file: string): string;
/** Its rules in the order they are evaluated in. */
export declare function rulesOf(file: string): Rule[];
export declare const rules: Rule[];
export declare const alerts: (Rule & {
    alert: string;
})[];
