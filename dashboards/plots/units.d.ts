/** A value as Grafana writes it, short. */
export declare function withUnit(value: number, unit: string | undefined): string;
/** Bytes between two ticks of an axis that reaches to `most`: a power of two, as people count memory. */
export declare function tickOf(most: number): number;
