import { sameBytes } from '../../amqp/bytes.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import { MOST_BARE_BYTES, SENT, X_DEATH, X_DELAY } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import { MANDATORY, SHADOW } from '../publishing/publish-marks.ts';
import type { PublishRun } from '../publishing/publish-run.ts';
import type { PublishTracker } from '../publishing/publish-tracker.ts';
import type { Route } from '../routing/routes.ts';
import type { Session } from '../session/session.ts';
import type { Output } from '../stream/output.ts';
import { endOfBody, endOfHeader } from './whole-messages.ts';

const PUBLISH = keyOf('basic.publish');
/** behind class, method and the reserved number: exchange and routing key */
const NAMES = FRAME_HEAD + 4 + 2;

/**
 * Publishes that lie whole in a chunk, as most do: passed in one loop as long as the channel stays the same, and
 * handed to its tracker in runs. It stops in front of whatever is not plain; that comes frame by frame to FromApp.
 */
export class PublishScanner {
  readonly #session: Session;
  readonly #output: Output;
  readonly #run: PublishRun;
  #tracker: PublishTracker | undefined;
  readonly #handOver = (run: PublishRun): void => this.#tracker?.passed(run);

  /** `run`: shared by all scanners of a thread, and empty between two calls. */
  constructor(session: Session, output: Output, run: PublishRun) {
    this.#session = session;
    this.#output = output;
    this.#run = run;
  }

  /**
   * Passes what it can of buf[start, end), where a method frame starts; `view` is of the same bytes.
   * Returns where it stopped.
   */
  pass(buf: Uint8Array, view: DataView, start: number, end: number, now: number): number {
    const session = this.#session;
    const { plane, shadowing, frameMax, injection } = session;
    const id = view.getUint16(start + 1);
    const channel = session.channel(id);
    if (channel === undefined || channel.upstreamDetours.any || plane.middleware !== undefined) return start;

    const { publishes, publishing } = channel;
    const { header, edit, interceptor } = plane;
    const output = this.#output;
    const run = this.#run;
    this.#tracker = publishes;
    const shadowsMandatory = session.shadowsMandatory(channel.state.word);
    let p = start;
    /** what lies before is with the output */
    let kept = start;
    let route: Route<PublishTally> | undefined;
    /** of the first publish of the route: where its names lie, and their length */
    let names = 0;
    let length = 0;
    let marks = 0;
    /** nothing but our own entries goes into its headers */
    let addsOurs = false;
    while (p + NAMES < end) {
      if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) break;
      if (view.getUint32(p + FRAME_HEAD) !== PUBLISH) break;
      const head = p + view.getUint32(p + 3) + FRAME_OVERHEAD;
      const headEnd = endOfHeader(view, head, id, end);
      // behind the names come the octet of bits and the frame end
      if (headEnd < 0 || view.getUint8(head - 1) !== FRAME_END) break;
      const mandatory = view.getUint8(head - 2);
      // immediate, or bits that nobody knows
      if (mandatory > 1) break;
      if (
        route === undefined ||
        head - 2 - (p + NAMES) !== length ||
        (mandatory !== 0) !== (marks === MANDATORY) ||
        !sameBytes(view, p + NAMES, names, length)
      ) {
        if (run.count > 0) publishes.passed(run);
        run.clear();
        names = p + NAMES;
        length = head - 2 - names;
        const routingKey = names + 1 + view.getUint8(names);
        if (routingKey >= head - 2 || routingKey + 1 + view.getUint8(routingKey) !== head - 2) break;
        try {
          route = publishing.route(buf, names, head - 2);
        } catch {
          // the assembler will meet the same error, and count it
          break;
        }
        const { isPlain, treatment, shadow } = route;
        const wantsConfirms = shadowing === 'confirms' && treatment.loss === 'confirms';
        if (!isPlain || (wantsConfirms && channel.state.word === 'plain')) break;
        addsOurs = treatment.propagate && treatment.headers === undefined;
        const shadows = shadowsMandatory && shadow && publishes.mayShadow(route);
        marks = mandatory !== 0 ? MANDATORY : shadows ? MANDATORY | SHADOW : 0;
        run.begin(route, now);
      }
      if (!header.read(buf, head, headEnd, view)) break;
      const bare = addsOurs && header.isBare && (frameMax === 0 || headEnd - head + MOST_BARE_BYTES <= frameMax);
      if (!bare && (header.value(X_DELAY) >= 0 || header.value(SENT) >= 0 || header.value(X_DEATH) >= 0)) break;
      const size = header.bodySize;
      const next = endOfBody(view, headEnd, id, size, end);
      if (next < 0) break;

      // from here on it passes
      if (marks === (MANDATORY | SHADOW)) view.setUint8(head - 2, view.getUint8(head - 2) | 1);
      if (bare) {
        const at = output.open(buf, kept, header, MOST_BARE_BYTES);
        output.enter(header, injection.bare(run, route, id, marks, output.view, at, now));
        kept = header.tableEnd;
      } else if (injection.edit(run, route, channel, id, interceptor, marks, frameMax, now)) {
        output.keep(buf, kept, head);
        output.splice(header, edit);
        kept = headEnd;
      }
      injection.join(run, size, this.#handOver);
      if (run.isFull) {
        publishes.passed(run);
        run.clear();
      }
      p = next;
    }
    if (run.count > 0) publishes.passed(run);
    run.clear();
    output.keep(buf, kept, p);
    return p;
  }
}
