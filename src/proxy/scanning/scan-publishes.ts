import { sameBytes } from '../../amqp/bytes.ts';
import { FRAME_END, FRAME_HEAD, FRAME_METHOD, FRAME_OVERHEAD, keyOf } from '../../amqp/spec.ts';
import { MOST_BARE_BYTES, SENT, X_DEATH, X_DELAY } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import { MANDATORY, SHADOW } from '../publishing/publish-marks.ts';
import { PublishRun } from '../publishing/publish-run.ts';
import type { PublishTracker } from '../publishing/publish-tracker.ts';
import type { Route } from '../routing/routes.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import type { Output } from '../stream/output.ts';
import { type MethodForm, MethodForms } from './method-forms.ts';
import { endOfBody, endOfHeader } from './whole-messages.ts';

const PUBLISH = keyOf('basic.publish');
/** behind class, method and the reserved number: exchange and routing key */
const NAMES = FRAME_HEAD + 4 + 2;
/** behind the names: the octet of bits, and the frame's end */
const BEHIND = 2;

/** A basic.publish of a plain route. */
class PublishForm implements MethodForm {
  start = 0;
  chunk = 0;
  size = 0;
  /** the octet of bits as the app sent it, and not as it passed: 0, or 1 for mandatory */
  bits = 0;
  route: Route<PublishTally> | undefined;

  fits(view: DataView, at: number, end: number): boolean {
    const { start, size, bits } = this;
    const stop = at + size;
    return (
      stop <= end &&
      sameBytes(view, at, start, size - BEHIND) &&
      view.getUint8(stop - BEHIND) === bits &&
      view.getUint8(stop - 1) === FRAME_END
    );
  }
}

/** What all scanners of a thread share: it holds nothing between two chunks. */
export class PublishScratch {
  readonly run: PublishRun;
  readonly forms = new MethodForms(() => new PublishForm());

  /** `room`: messages of a run, at most. */
  constructor(room: number) {
    this.run = new PublishRun(room);
  }
}

/**
 * Publishes that lie whole in a chunk, as most do: passed in one loop as long as the channel stays the same, and
 * handed to its tracker in runs. It stops in front of whatever is not plain; that comes frame by frame to FromApp.
 */
export class PublishScanner {
  readonly #session: Session;
  readonly #output: Output;
  readonly #scratch: PublishScratch;
  #tracker: PublishTracker | undefined;
  readonly #handOver = (run: PublishRun): void => this.#tracker?.passed(run);

  constructor(session: Session, output: Output, scratch: PublishScratch) {
    this.#session = session;
    this.#output = output;
    this.#scratch = scratch;
  }

  /**
   * Passes what it can of buf[start, end), where a method frame starts; `view` is of the same bytes.
   * Returns where it stopped.
   */
  pass(buf: Uint8Array, view: DataView, start: number, end: number, now: number): number {
    const session = this.#session;
    const { plane, frameMax, injection } = session;
    const id = view.getUint16(start + 1);
    const channel = session.channel(id);
    if (channel === undefined || channel.upstreamDetours.any || plane.middleware !== undefined) return start;

    const { publishes } = channel;
    const { header, edit, interceptor } = plane;
    const output = this.#output;
    const { run, forms } = this.#scratch;
    this.#tracker = publishes;
    /** confirms of ours are to be selected first */
    const awaitsShadow = session.shadowing === 'confirms' && channel.state.word === 'plain';
    const shadowsMandatory = session.shadowsMandatory(channel.state.word);
    forms.begin();
    let p = start;
    /** what lies before is with the output */
    let kept = start;
    let form: PublishForm | undefined;
    let marks = 0;
    /** nothing but our own entries goes into its headers */
    let addsOurs = false;
    while (p + NAMES < end) {
      if (form === undefined || !form.fits(view, p, end)) {
        const other = this.#form(channel, buf, view, p, end);
        if (other === undefined) break;
        const { treatment, shadow } = other.route as Route<PublishTally>;
        if (awaitsShadow && treatment.loss === 'confirms') break;
        if (run.count > 0) publishes.passed(run);
        run.begin(other.route as Route<PublishTally>, now);
        form = other;
        addsOurs = treatment.propagate && treatment.headers === undefined;
        const shadows = shadowsMandatory && shadow && publishes.mayShadow(run.route);
        marks = form.bits !== 0 ? MANDATORY : shadows ? MANDATORY | SHADOW : 0;
      }
      const head = p + form.size;
      const headEnd = endOfHeader(view, head, id, end);
      if (headEnd < 0) break;
      if (!(p === start ? header.read(buf, head, headEnd, view) : header.readNext(head, headEnd))) break;
      const bare = addsOurs && header.isBare && (frameMax === 0 || headEnd - head + MOST_BARE_BYTES <= frameMax);
      if (!bare && (header.value(X_DELAY) >= 0 || header.value(SENT) >= 0 || header.value(X_DEATH) >= 0)) break;
      const size = header.bodySize;
      const next = endOfBody(view, headEnd, id, size, end);
      if (next < 0) break;

      // from here on it passes
      if (marks === (MANDATORY | SHADOW)) view.setUint8(head - BEHIND, 1);
      if (bare) {
        const at = output.open(buf, kept, header, MOST_BARE_BYTES);
        output.enter(header, injection.bare(run, run.route, id, marks, output.view, at, now));
        kept = header.tableEnd;
      } else if (injection.edit(run, run.route, channel, id, interceptor, marks, frameMax, now)) {
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

  /** That of the method frame at `p`; undefined: it is not whole, or no publish that passes here. */
  #form({ id, publishing }: Channel, buf: Uint8Array, view: DataView, p: number, end: number): PublishForm | undefined {
    if (view.getUint8(p) !== FRAME_METHOD || view.getUint16(p + 1) !== id) return undefined;
    if (view.getUint32(p + FRAME_HEAD) !== PUBLISH) return undefined;
    const size = view.getUint32(p + 3) + FRAME_OVERHEAD;
    const stop = p + size - BEHIND;
    if (p + size > end || view.getUint8(stop + 1) !== FRAME_END) return undefined;
    const { forms } = this.#scratch;
    const form = forms.of(view, p + NAMES, stop);
    if (forms.has(form) && form.fits(view, p, end)) return form;
    const bits = view.getUint8(stop);
    // immediate, or bits that nobody knows
    if (bits > 1) return undefined;
    const routingKey = p + NAMES + 1 + view.getUint8(p + NAMES);
    if (routingKey >= stop || routingKey + 1 + view.getUint8(routingKey) !== stop) return undefined;
    let route: Route<PublishTally>;
    try {
      route = publishing.route(buf, p + NAMES, stop);
    } catch {
      // the assembler will meet the same error, and count it
      return undefined;
    }
    if (!route.isPlain) return undefined;
    form.route = route;
    form.bits = bits;
    forms.keep(form, p);
    form.size = size;
    return form;
  }
}
