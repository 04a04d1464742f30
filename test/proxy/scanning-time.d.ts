/** Lets all that was put off until the end of a turn happen. */
export declare function turn(): Promise<void>;
/**
 * Time that passes when it is told to. Between two timers there is a turn, as there is in Node: what one
 * resumes is read before the next one.
 */
export declare class ToldTime {
    #private;
    now: number;
    constructor();
    pass(ms: number): Promise<void>;
    /** Node's time again, and its chance. */
    end(): void;
}
