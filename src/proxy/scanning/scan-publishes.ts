import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import type { Flushing } from '../open-messages/flushing.ts';
import { MOST_BARE_BYTES, SENT, X_DELAY } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import { MANDATORY, SHADOW } from '../publishing/publish.ts';
import type { Route } from '../routing/routes.ts';
import type { Session } from '../session/session.ts';
import type { Output } from '../stream/output.ts';
import { endOfBody, endOfHeader, sameBytes } from './whole-messages.ts';

const PUBLISH = keyOf('basic.publish');
/** behind class, method and the reserved number: exchange and routing key */
const NAMES = FRAME_HEAD + 4 + 2;

/**
 * Publishes that lie whole in a chunk, as most do: passed in one loop as long as the channel stays
 * the same, and counted together as long as exchange and routing key do. What is not plain about one of them is for
 * TowardsBroker, frame by frame.
 *
 * A publish takes 0.3 µs instead of 0.7 (npm run micro), and half the CPU with cold caches: frame by
 * frame, forty calls were made for each.
 */
export class WholePublishes {
  readonly #session: Session;
  readonly #output: Output;
  readonly #flushing: Flushing<PublishTally>;

  constructor(session: Session, output: Output, flushing: Flushing<PublishTally>) {
    this.#session = session;
    this.#output = output;
    this.#flushing = flushing;
  }

  /**
   * Passes what it can of buf[start, end), where a method frame starts; `view` is of the same bytes.
   * Returns where it stopped.
   */
  pass(buf: Uint8Array, view: DataView, start: number, end: number, now: number): number {
    const { plane, shadowing, frameMax } = this.#session;
    const id = view.getUint16(start + 1);
    const channel = this.#session.channel(id);
    if (channel === undefined || channel.outgoing !== undefined || channel.severed !== undefined) return start;
    const { publishes, publishing } = channel;
    if (!publishing.isBetween || !publishes.goStraight || plane.middleware !== undefined) return start;

    const shadowsMandatory = this.#session.shadowsMandatory(publishes.numbers.mode);
    const { header, edit, context } = plane;
    const { publish } = publishing;
    const output = this.#output;
    let p = start;
    /** what lies before is with the output */
    let kept = start;
    let route: Route<PublishTally> | undefined;
    /** of the first publish of the route: where its names lie, and their length */
    let names = 0;
    let length = 0;
    /** nothing but our own entries goes into its headers */
    let addsOurs = false;
    /** of those of the route, not yet counted */
    let bits = 0;
    let count = 0;
    let bytes = 0;
    let largest = 0;
    while (p + NAMES < end) {
      if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) break;
      if (view.getUint32(p + FRAME_HEAD) !== PUBLISH) break;
      const head = p + view.getUint32(p + 3) + FRAME_OVERHEAD;
      const headEnd = endOfHeader(view, head, id, end);
      // behind the names come the octet of bits and the frame end
      if (headEnd < 0 || view.getUint8(head - 1) !== FRAME_END) break;
      const mandatory = view.getUint8(head - 2) & 1;
      if (
        route === undefined ||
        head - 2 - (p + NAMES) !== length ||
        (mandatory !== 0) !== (bits === MANDATORY) ||
        !sameBytes(view, p + NAMES, names, length)
      ) {
        if (route !== undefined && count > 0) publishes.went(route, count, bytes, bits, largest);
        count = bytes = largest = bits = 0;
        names = p + NAMES;
        length = head - 2 - names;
        const routingKey = names + 1 + view.getUint8(names);
        if (routingKey >= head - 2 || routingKey + 1 + view.getUint8(routingKey) !== head - 2) break;
        try {
          route = publishing.route(buf, names, head - 2);
        } catch {
          // it will throw again, where that is counted
          break;
        }
        const { isPlain, treatment, shadow } = route;
        addsOurs = treatment.propagate && treatment.headers === undefined;
        const wantsConfirms = shadowing === 'confirms' && treatment.loss === 'confirms';
        if (!isPlain || (wantsConfirms && publishes.numbers.mode === 'plain')) break;
        if (mandatory !== 0) bits = MANDATORY;
        else if (shadowsMandatory && shadow) bits = MANDATORY | SHADOW;
      }
      if (!header.read(buf, head, headEnd, view)) break;
      const bare = addsOurs && header.isBare && (frameMax === 0 || headEnd - head + MOST_BARE_BYTES <= frameMax);
      if (!bare && (header.value(X_DELAY) >= 0 || header.value(SENT) >= 0)) break;
      const size = header.bodySize;
      const next = endOfBody(view, headEnd, id, size, end);
      if (next < 0) break;

      // from here on it passes
      if (bits === (MANDATORY | SHADOW)) view.setUint8(head - 2, view.getUint8(head - 2) | 1);
      let ids = context.ids;
      if (bare) {
        const at = output.open(buf, kept, header, MOST_BARE_BYTES);
        try {
          output.enter(header, publishing.bare(route, bits, output.view, at, now));
        } catch (error) {
          plane.failed(error);
        }
        kept = header.tableEnd;
      } else {
        let splice = false;
        try {
          splice = publishing.whole(route, bits, frameMax, now);
        } catch (error) {
          plane.failed(error);
        }
        if (splice) {
          output.keep(buf, kept, head);
          output.splice(header, edit);
          kept = headEnd;
        }
        ids = publish.ids;
      }
      if (publishes.goes(publish, ids)) this.#flushing.add(publishes, publish, publishes.numbers.sequence);
      count++;
      bytes += size;
      if (size > largest) largest = size;
      p = next;
    }
    if (route !== undefined && count > 0) publishes.went(route, count, bytes, bits, largest);
    if (publishes.written(publishes.numbers.sequence)) this.#flushing.watch(publishes);
    output.keep(buf, kept, p);
    return p;
  }
}
