import { DeliveryRun } from '../delivering/delivery-run.ts';
import { PublishRun } from '../publishing/publish-run.ts';

/** Messages of a run, at most: more of a kind in one chunk are several runs. */
const ROOM = 256;

/** The runs that scanning fills: one of each a thread, empty between two chunks. */
export class ScanRuns {
  readonly publishes = new PublishRun(ROOM);
  readonly deliveries = new DeliveryRun(ROOM);
}
