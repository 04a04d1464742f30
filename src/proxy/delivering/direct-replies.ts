import { OpenMessages } from '../open-messages/open-messages.ts';
import type { Unflushed } from '../open-messages/unflushed.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { AutoAckInFlight } from './auto-ack-in-flight.ts';
import { AutoAcked } from './auto-acked.ts';
import type { DeliveryRun } from './delivery-run.ts';
import { DeliveryTeller } from './delivery-teller.ts';

/**
 * Answers that one channel gets over direct reply-to. They have no delivery tags of their own: the broker gives each the
 * tag of whatever it delivers next, so here they have numbers of ours.
 */
export class DirectReplies {
  /** so far */
  count = 0;
  readonly #deliveries: AutoAcked;

  constructor(plane: Plane, connection: number, channel: number, unflushed: Unflushed, inFlight: AutoAckInFlight) {
    const open = new OpenMessages<DeliveryTally>();
    const teller = new DeliveryTeller(plane, open, connection, channel, false);
    this.#deliveries = new AutoAcked(plane, open, teller, unflushed, inFlight);
  }

  /** As of AutoAcked. */
  passed(run: DeliveryRun, held: boolean): (() => void) | undefined {
    const number = this.count + 1;
    this.count += run.count;
    return this.#deliveries.passed(run, 0, number, held);
  }

  /** A fault took one out of the stream. */
  withdrawn(run: DeliveryRun, now: number): void {
    this.#deliveries.withdrawn(run, ++this.count, now);
  }
}
