/** Writes scores and survivors into docs/testing.md. */
export declare function writePage(): void;
