/** TCP ports nobody listens on, all different. For servers that can't take port 0. */
export declare function freePorts(count: number): Promise<number[]>;
export declare function freePort(): Promise<number>;
