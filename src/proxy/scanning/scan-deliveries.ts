import { viewU64 } from '../../amqp/fields.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import type { Consumer } from '../delivering/consumer.ts';
import type { DeliveryRun } from '../delivering/delivery-run.ts';
import type { DeliveryTracker } from '../delivering/delivery-tracker.ts';
import { X_DEATH } from '../ports/interceptor.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Session } from '../session/session.ts';
import type { Output } from '../stream/output.ts';
import { endOfBody, endOfHeader, sameBytes } from './whole-messages.ts';

const DELIVER = keyOf('basic.deliver');
/** behind class and method: the consumer tag */
const TAG = FRAME_HEAD + 4;
/** delivery tag and redelivered */
const NUMBERS = 9;

/**
 * Deliveries that lie whole in a chunk, as most do: followed in one loop as long as the channel stays the same, and
 * handed to its tracker in runs. It stops in front of whatever is not plain; that comes frame by frame to FromBroker.
 */
export class DeliveryScanner {
  readonly #session: Session;
  readonly #output: Output;
  readonly #run: DeliveryRun;
  #tracker: DeliveryTracker | undefined;
  readonly #handOver = (run: DeliveryRun): void => {
    this.#tracker?.passed(run);
  };

  /** `run`: shared by all scanners of a thread, and empty between two calls. */
  constructor(session: Session, output: Output, run: DeliveryRun) {
    this.#session = session;
    this.#output = output;
    this.#run = run;
  }

  /**
   * Passes what it can of buf[start, end), where a method frame starts; `view` is of the same bytes.
   * Returns where it stopped.
   */
  pass(buf: Uint8Array, view: DataView, start: number, end: number, now: number): number {
    const { plane, reading } = this.#session;
    const id = view.getUint16(start + 1);
    const channel = this.#session.channel(id);
    if (channel === undefined || channel.downstreamDetours.any || plane.middleware !== undefined) return start;

    const { deliveries, consumers } = channel;
    const { header } = plane;
    const run = this.#run;
    this.#tracker = deliveries;
    let p = start;
    let consumer: Consumer | undefined;
    let route: Route<DeliveryTally> | undefined;
    /** of the first delivery of the route: where its consumer tag and names lie, and their lengths */
    let tag = 0;
    let tagLength = 0;
    let names = 0;
    let length = 0;
    while (p + TAG < end) {
      if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) break;
      if (view.getUint32(p + FRAME_HEAD) !== DELIVER) break;
      const head = p + view.getUint32(p + 3) + FRAME_OVERHEAD;
      const headEnd = endOfHeader(view, head, id, end);
      if (headEnd < 0 || view.getUint8(head - 1) !== FRAME_END) break;
      const numbers = p + TAG + 1 + view.getUint8(p + TAG);
      const key = numbers + NUMBERS;
      if (key + 2 > head - 1 || (view.getUint8(key - 1) & 1) !== 0) break;
      if (
        route === undefined ||
        numbers - (p + TAG) !== tagLength ||
        head - 1 - key !== length ||
        !sameBytes(view, key, names, length) ||
        !sameBytes(view, p + TAG, tag, tagLength)
      ) {
        if (run.count > 0) deliveries.passed(run);
        run.clear();
        tag = p + TAG;
        tagLength = numbers - tag;
        names = key;
        length = head - 1 - key;
        const routingKey = key + 1 + view.getUint8(key);
        if (routingKey >= head - 1 || routingKey + 1 + view.getUint8(routingKey) !== head - 1) break;
        consumer = consumers.find(buf, tag + 1, numbers);
        if (consumer === undefined) break;
        try {
          route = consumer.route(buf, key, head - 1);
        } catch {
          // the assembler will meet the same error, and count it
          break;
        }
        if (!route.isPlain) break;
        run.begin(route, now);
        run.source = consumer;
      }
      if (!header.read(buf, head, headEnd, view) || header.value(X_DEATH) >= 0) break;
      const next = endOfBody(view, headEnd, id, header.bodySize, end);
      if (next < 0) break;

      // from here on it passes
      reading.read(run, channel, false, now);
      reading.join(run, viewU64(view, numbers), header.bodySize, this.#handOver);
      if (run.isFull) {
        deliveries.passed(run);
        run.clear();
      }
      p = next;
    }
    if (run.count > 0) deliveries.passed(run);
    run.clear();
    this.#output.keep(buf, start, p);
    return p;
  }
}
