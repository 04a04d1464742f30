type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;
/**
 * Resolves with the condition's first truthy value. Asks again every 20 ms, and fails with
 * `message` after `timeout` milliseconds. A condition that throws counts as not yet true; what it
 * threw last is the failure's cause.
 */
export declare function until<T>(condition: () => T | Promise<T>, message: string | (() => string), timeout?: number): Promise<Truthy<T>>;
export {};
