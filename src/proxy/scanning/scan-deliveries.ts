import { sameBytes } from '../../amqp/bytes.ts';
import { viewU64 } from '../../amqp/fields.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import type { Consumer } from '../delivering/consumer.ts';
import { DeliveryRun } from '../delivering/delivery-run.ts';
import type { DeliveryTracker } from '../delivering/delivery-tracker.ts';
import { X_DEATH } from '../ports/interceptor.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import type { Output } from '../stream/output.ts';
import { type MethodForm, MethodForms } from './method-forms.ts';
import { endOfBody, endOfHeader } from './whole-messages.ts';

const DELIVER = keyOf('basic.deliver');
/** behind class and method: the consumer tag */
const TAG = FRAME_HEAD + 4;
/** bytes of the delivery tag, which differs in each frame; `redelivered` stands behind it */
const TAG_NUMBER = 8;

/** A basic.deliver of a plain route, for the first time. */
class DeliveryForm implements MethodForm {
  start = 0;
  chunk = 0;
  size = 0;
  /** bytes in front of the delivery tag */
  before = 0;
  consumer: Consumer | undefined;
  route: Route<DeliveryTally> | undefined;

  fits(view: DataView, at: number, end: number): boolean {
    const { start, size, before } = this;
    const behind = before + TAG_NUMBER;
    return (
      at + size <= end &&
      sameBytes(view, at, start, before) &&
      sameBytes(view, at + behind, start + behind, size - behind)
    );
  }
}

/** What all scanners of a thread share: it holds nothing between two chunks. */
export class DeliveryScratch {
  readonly run: DeliveryRun;
  readonly forms = new MethodForms(() => new DeliveryForm());

  /** `room`: messages of a run, at most. */
  constructor(room: number) {
    this.run = new DeliveryRun(room);
  }
}

/**
 * Deliveries that lie whole in a chunk, as most do: followed in one loop as long as the channel stays the same, and
 * handed to its tracker in runs. It stops in front of whatever is not plain; that comes frame by frame to FromBroker.
 */
export class DeliveryScanner {
  readonly #session: Session;
  readonly #output: Output;
  readonly #scratch: DeliveryScratch;
  #tracker: DeliveryTracker | undefined;
  readonly #handOver = (run: DeliveryRun): void => {
    this.#tracker?.passed(run);
  };

  constructor(session: Session, output: Output, scratch: DeliveryScratch) {
    this.#session = session;
    this.#output = output;
    this.#scratch = scratch;
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

    const { deliveries } = channel;
    const { header } = plane;
    const { run, forms } = this.#scratch;
    this.#tracker = deliveries;
    forms.begin();
    let p = start;
    let form: DeliveryForm | undefined;
    while (p + TAG < end) {
      if (form === undefined || !form.fits(view, p, end)) {
        const other = this.#form(channel, buf, view, p, end);
        if (other === undefined) break;
        if (run.count > 0) deliveries.passed(run);
        run.begin(other.route as Route<DeliveryTally>, now);
        run.source = other.consumer as Consumer;
        form = other;
      }
      const head = p + form.size;
      const headEnd = endOfHeader(view, head, id, end);
      if (headEnd < 0) break;
      const isUnderstood = p === start ? header.read(buf, head, headEnd, view) : header.readNext(head, headEnd);
      if (!isUnderstood || header.value(X_DEATH) >= 0) break;
      const next = endOfBody(view, headEnd, id, header.bodySize, end);
      if (next < 0) break;

      // from here on it passes
      const tagAt = p + form.before;
      if (!reading.joinLike(run, view, tagAt, now, this.#handOver)) {
        reading.read(run, channel, false, now);
        reading.join(run, viewU64(view, tagAt), header.bodySize, this.#handOver);
      }
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

  /** That of the method frame at `p`; undefined: it is not whole, or no delivery that passes here. */
  #form({ id, consumers }: Channel, buf: Uint8Array, view: DataView, p: number, end: number): DeliveryForm | undefined {
    if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) return undefined;
    if (view.getUint32(p + FRAME_HEAD) !== DELIVER) return undefined;
    const stop = p + view.getUint32(p + 3) + FRAME_OVERHEAD - 1;
    if (stop >= end || view.getUint8(stop) !== FRAME_END) return undefined;
    const number = p + TAG + 1 + view.getUint8(p + TAG);
    const names = number + TAG_NUMBER + 1;
    if (names + 2 > stop || (view.getUint8(names - 1) & 1) !== 0) return undefined;
    const { forms } = this.#scratch;
    const form = forms.of(view, names, stop);
    if (forms.has(form) && form.fits(view, p, end)) return form;
    const routingKey = names + 1 + view.getUint8(names);
    if (routingKey >= stop || routingKey + 1 + view.getUint8(routingKey) !== stop) return undefined;
    const consumer = consumers.find(buf, p + TAG + 1, number);
    if (consumer === undefined) return undefined;
    let route: Route<DeliveryTally>;
    try {
      route = consumer.route(buf, names, stop);
    } catch {
      // the assembler will meet the same error, and count it
      return undefined;
    }
    if (!route.isPlain) return undefined;
    form.route = route;
    form.consumer = consumer;
    form.before = number - p;
    forms.keep(form, p);
    form.size = stop + 1 - p;
    return form;
  }
}
