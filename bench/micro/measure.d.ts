/** One thing to measure: `step` does it for `messages` messages and nothing else. */
export interface Step {
    messages: number;
    /** puts the input back as it was; not timed, and must not allocate */
    before?(): void;
    step(): void;
    /** what has to happen between two steps, such as confirms; not timed */
    after?(): void;
    /** writes to sockets so far */
    writes?(): number;
}
export interface Measured {
    /** nanoseconds a message: median of twenty stretches, and the least of them */
    ns: number;
    min: number;
    /** bytes allocated on V8's heap a message */
    bytes: number;
    /** writes per step */
    writesPerChunk?: number;
}
export declare function measure(step: Step, seconds: number): Measured;
/**
 * Bytes per message on V8's heap, over at least as many messages. `before` and `after` count too,
 * because V8 accounts for allocation in blocks: a stretch must be long and without gaps.
 */
export declare function weigh({ before, step, after, messages }: Step, atLeast: number): number;
