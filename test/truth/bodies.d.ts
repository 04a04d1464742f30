/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export declare function random(seed: number): () => number;
/** The body of message `index`, always the same: most are small, some just around a frame, some up to 1 MiB. */
export declare function bodyOf(index: number): Buffer;
