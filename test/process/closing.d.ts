/** Ends what a test started, the last first, whether it passed or not. */
export declare function atEnd(close: () => unknown): void;
