export interface Line {
    /** function, file and line */
    where: string;
    /** share of the time the thread was not idle, 0 to 1 */
    self: number;
    /** with everything it called */
    total: number;
}
/** Functions by their own time, the dearest first. */
export declare function summarise(file: string): {
    busySeconds: number;
    lines: Line[];
};
export declare const profilesIn: (path: string) => string[];
export declare function printProfile(file: string, count?: number): void;
