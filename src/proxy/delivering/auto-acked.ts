import { LOST } from '../../events/passage.ts';
import { FLUSH, type OpenMessages, type Stretch } from '../open-messages/open-messages.ts';
import type { Ending } from '../open-messages/passage-teller.ts';
import type { Flushable, Unflushed } from '../open-messages/unflushed.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { AutoAckInFlight } from './auto-ack-in-flight.ts';
import type { DeliveryRun } from './delivery-run.ts';
import type { DeliveryTeller } from './delivery-teller.ts';
import { succeeded } from './succeeded.ts';

const AUTO_ACKED: Ending = { settlement: 'auto-ack', outcome: 'success', reason: '', bits: 0 };
const UNDELIVERED: Ending = { settlement: 'none', outcome: 'failed', reason: 'autoack_undelivered', bits: LOST };
/** Numbers from the first delivery to the last. */
const ALL = Number.POSITIVE_INFINITY;

/** Deliveries of one channel that need no settlement: the broker has done with them, and they succeed once the kernel has them. */
export class AutoAcked implements Flushable {
  readonly #plane: Plane;
  readonly #open: OpenMessages<DeliveryTally>;
  readonly #teller: DeliveryTeller;
  readonly #unflushed: Unflushed;
  readonly #inFlight: AutoAckInFlight;
  /** it waits for the next flush */
  #waits = false;
  /** of the call at hand, ms of the monotonic clock */
  #now = 0;
  readonly #passed = (stretch: Stretch<DeliveryTally>): void => {
    const { tally } = stretch.route;
    let bytes = 0;
    for (let i = 0; i < stretch.count; i++) bytes += this.#open.sizeOf(stretch, i);
    tally.succeeded(0, true, stretch.count);
    succeeded(stretch, this.#plane.clock, this.#now);
    this.#inFlight.add(tally, stretch.count, bytes, this.#now);
    this.#teller.ended(stretch, AUTO_ACKED, this.#now);
  };
  readonly #undelivered = (stretch: Stretch<DeliveryTally>): void => {
    const { tally, hop } = stretch.route;
    this.#teller.failed(stretch, UNDELIVERED, this.#now, () => {
      tally.failed('autoack_undelivered', Number.NaN, true);
      hop.lost();
    });
  };

  /** `open`: where they are kept until then, others may be there too; `teller`: of those. */
  constructor(
    plane: Plane,
    open: OpenMessages<DeliveryTally>,
    teller: DeliveryTeller,
    unflushed: Unflushed,
    inFlight: AutoAckInFlight,
  ) {
    this.#plane = plane;
    this.#open = open;
    this.#teller = teller;
    this.#unflushed = unflushed;
    this.#inFlight = inFlight;
  }

  /**
   * Those of a run from the `from`th on passed, the first under a number higher than all before. `held`: a fault keeps them
   * from the socket, until what this returns is called.
   */
  passed(run: DeliveryRun, from: number, number: number, held: boolean): (() => void) | undefined {
    this.#open.add(run, from, run.count - from, number, FLUSH, held);
    this.#wait();
    if (!held) return undefined;
    return () => {
      this.#open.release(number);
      this.#wait();
    };
  }

  /** A fault took one out of the stream. */
  withdrawn(run: DeliveryRun, number: number, now: number): void {
    this.#now = now;
    this.#open.add(run, 0, 1, number, FLUSH);
    this.#open.take(number, number, FLUSH, this.#undelivered);
  }

  #wait(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#unflushed.add(this);
  }

  /** Flushable: the kernel took them. */
  flushed(now: number): void {
    this.#waits = false;
    this.#now = now;
    this.#open.flush(now, this.#passed);
  }

  /** Flushable: they are still in our hands when the connection ends. */
  unsent(now: number): void {
    this.#waits = false;
    this.#now = now;
    this.#open.take(0, ALL, FLUSH, this.#undelivered);
  }
}
