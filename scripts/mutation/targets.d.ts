export declare const ROOT: string;
export declare const sources: () => string[];
/** The tests that reach this source by imports; those by the shortest way first, for they mostly know best. */
export declare function testsOf(source: string): string[];
