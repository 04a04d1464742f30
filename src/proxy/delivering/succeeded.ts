import type { Stretch } from '../open-messages/open-messages.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import { STREAM_READ } from './delivery-marks.ts';

/** Messages succeeded at `now`: with how many attempts, and how long after their publish. */
export function succeeded(
  { route, remembered, latency, time, marks, count }: Stretch<DeliveryTally>,
  clock: Clock,
  now: number,
): void {
  if ((marks & STREAM_READ) !== 0) return;
  if (remembered === undefined || remembered.attempt === 1) {
    route.tally.done(1, latency + (now - time) / 1000, count);
    return;
  }
  const { attempt, firstPublished } = remembered;
  const seconds = (clock.micros(now) - firstPublished) / 1e6;
  route.tally.done(attempt, firstPublished > 0 ? seconds : Number.NaN, count);
}
