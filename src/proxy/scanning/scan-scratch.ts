import { DeliveryScratch } from './scan-deliveries.ts';
import { PublishScratch } from './scan-publishes.ts';

/** Messages of a run, at most: more of a kind in one chunk are several runs. */
const ROOM = 256;

/** What scanning fills: one of each a thread. */
export class ScanScratch {
  readonly publishes = new PublishScratch(ROOM);
  readonly deliveries = new DeliveryScratch(ROOM);
}
