/**
 * Anybody who publishes past a Tracehare can write any stamp, and one from 1970 would ruin the sum of a histogram
 * for good. Messages do wait in queues for days, and hosts without NTP are off by minutes; nothing real is
 * further away than this.
 */
const OLDEST_S = 30 * 24 * 3600;
const MOST_SKEW_S = 3600;

/** Whether a message can have been published so many seconds ago. */
export const isBelievable = (age: number): boolean => age >= 0 && age <= OLDEST_S;

/** The same, by a clock that is ahead of ours. */
export const isAhead = (age: number): boolean => age < 0 && age >= -MOST_SKEW_S;
