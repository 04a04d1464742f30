import type { LineTimes } from '../../api.ts';

/**
 * The times of a line without the step that is under way at `at`: what has been counted of it so far would look like a
 * fall. The first step stays in any case.
 */
export function whole(times: LineTimes, at: number): LineTimes {
  const over = Math.floor((at - times.startAt) / times.stepMs);
  return { ...times, points: Math.max(1, Math.min(times.points, over)) };
}
