import type { ContentHeader } from '../../amqp/content.ts';
import type { HeaderEdit } from '../ports/interceptor.ts';
import type { TrafficTally } from '../ports/observer.ts';
import { type Fault, judge, Verdict } from '../ports/verdict.ts';
import type { PublishRun } from '../publishing/publish-run.ts';
import type { PublishTracker } from '../publishing/publish-tracker.ts';
import { DelayLine, type FrameSink, type Wire } from '../stream/delay-line.ts';

/** A publish that later ones may overtake. */
interface Overtaken {
  frames: Uint8Array[];
  sequence: number;
  /** publishes that may still overtake it */
  left: number;
  delay: number;
  rate: number;
  notBefore: number;
  timer: NodeJS.Timeout;
}

/**
 * The way of one channel's frames to the broker from the first fault on: publishes that are left
 * out, repeated or overtaken, and all else in order behind what is delayed.
 */
export class PublishPath implements FrameSink {
  readonly line: DelayLine;
  readonly #wire: Wire;
  readonly #publishes: PublishTracker;
  /** what faults want done to the publish at hand */
  readonly verdict = new Verdict();
  /** frames of the publish at hand, if they are needed again, each in the pieces in which it came */
  #collected: Uint8Array[][] | undefined;
  /** the last frame has not come whole yet */
  #isPartial = false;
  #overtaken: Overtaken[] = [];
  #inside = false;

  constructor(wire: Wire, publishes: PublishTracker) {
    this.#wire = wire;
    this.#publishes = publishes;
    this.line = new DelayLine(wire);
  }

  /** The header of the publish at hand has been read; none of its frames has been put in yet. Returns what struck. */
  judge(faults: readonly Fault[], size: number, now: number, traffic: TrafficTally): string {
    const { verdict } = this;
    const confirmed = this.#publishes.numbers.appConfirms;
    judge(faults, verdict, { confirmed, size, awaitsSettlement: false }, now, traffic);
    if (verdict.types === '') return '';
    this.#isPartial = false;
    this.#collected = !verdict.dropped && (verdict.copies > 0 || verdict.overtakenBy > 0) ? [] : undefined;
    this.line.hold(notBefore(verdict, now), verdict.rate);
    return verdict.types;
  }

  /** A publish begins. */
  begin(): void {
    this.#inside = true;
  }

  keep(buf: Uint8Array, start: number, end: number, ended = true): void {
    if (this.verdict.dropped) return;
    if (this.#collected !== undefined) {
      const piece = new Uint8Array(buf.subarray(start, end));
      if (this.#isPartial) this.#collected.at(-1)?.push(piece);
      else this.#collected.push([piece]);
      this.#isPartial = !ended;
    }
    if (this.verdict.overtakenBy === 0) this.line.keep(buf, start, end, ended);
  }

  splice(header: ContentHeader, edit: HeaderEdit): void {
    if (this.verdict.dropped) return;
    if (this.#collected === undefined) {
      this.line.splice(header, edit);
      return;
    }
    this.#wire.capture.splice(header, edit);
    const captured = this.#wire.capture.take();
    if (captured !== undefined) this.keep(captured.bytes, 0, captured.bytes.length);
  }

  strip(header: ContentHeader, without: { remove: number; dropTable: boolean }): void {
    this.line.strip(header, without);
  }

  /** Frames of our own are no publish: what waits to be overtaken goes before them, or it would come behind our close. */
  add(bytes: Uint8Array): void {
    this.settleOrder();
    this.line.add(bytes);
  }

  /** The last byte of the publish at hand was put in. */
  ended(publish: PublishRun, now: number): void {
    const { verdict } = this;
    this.#inside = false;
    this.line.hold(0, 0);
    for (const each of this.#overtaken) each.left--;
    // where the fault ends the channel or connection, that is the app's answer, and it gets no nack
    if (verdict.dropped) this.#publishes.dropped(publish, verdict.ending === undefined, now);
    else this.#passed(publish, now);
    this.#collected = undefined;
    verdict.clear();
    this.#sendOvertaken(({ left }) => left <= 0);
  }

  #passed(publish: PublishRun, now: number): void {
    const { copies, overtakenBy, overtakingFor, confirmHiddenUntil, delay, rate } = this.verdict;
    const publishes = this.#publishes;
    const deferred = overtakenBy > 0;
    const translated = copies > 0 || deferred || confirmHiddenUntil > 0;
    publishes.passed(publish, { held: deferred || !this.line.isEmpty, deferred, translated });
    const { sequence } = publishes.numbers;
    if (confirmHiddenUntil > now) publishes.translator.hide(sequence, confirmHiddenUntil);
    // whole again: the pieces of a frame each by itself could have frames of other channels between them
    const frames = (this.#collected ?? []).map((pieces) => (pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)));
    if (deferred) {
      const timer = setTimeout(() => {
        overtaken.left = 0;
        this.#wire.onceAtBoundary(() => this.#sendOvertaken(({ left }) => left <= 0));
      }, overtakingFor);
      const { notBefore } = this.verdict;
      const overtaken: Overtaken = { frames, sequence, left: overtakenBy, delay, rate, notBefore, timer };
      this.#overtaken.push(overtaken);
    } else this.#whenLeft(sequence);
    for (let copy = 0; copy < copies; copy++) {
      for (const frame of copyOf(frames)) this.line.add(frame);
      publishes.translator.repeated();
    }
  }

  #whenLeft(sequence: number): void {
    if (!this.line.isEmpty) this.line.whenLeft(() => this.#publishes.left(sequence));
  }

  #sendOvertaken(which: (each: Overtaken) => boolean): void {
    // never between the frames of another publish
    if (this.#inside || this.#overtaken.length === 0) return;
    const now = this.#wire.now();
    const sent = this.#overtaken.filter(which);
    this.#overtaken = this.#overtaken.filter((each) => !sent.includes(each));
    for (const each of sent) {
      clearTimeout(each.timer);
      this.line.hold(notBefore(each, now), each.rate);
      for (const frame of each.frames) this.line.add(frame);
      this.line.hold(0, 0);
      this.#publishes.translator.deferredSent(each.sequence);
      if (this.line.isEmpty) this.#publishes.left(each.sequence);
      else this.#whenLeft(each.sequence);
    }
  }

  /** Something other than a publish comes. It may not overtake: all that waits to be overtaken goes first. */
  settleOrder(): void {
    this.#inside = false;
    this.#sendOvertaken(() => true);
  }

  /** Everything goes now, in order. */
  flush(): void {
    this.settleOrder();
    this.line.flush();
  }

  /** Nothing of it will ever go. */
  discard(): void {
    for (const { timer } of this.#overtaken.splice(0)) clearTimeout(timer);
    this.line.discard();
  }
}

const notBefore = ({ delay, notBefore }: { delay: number; notBefore: number }, now: number): number =>
  delay === 0 ? notBefore : Math.max(notBefore, now + delay);

/** Without the mandatory bit, the last before the end of the method frame: what comes back is the first one alone. */
function copyOf([method, ...content]: Uint8Array[]): Uint8Array[] {
  const copy = new Uint8Array(method);
  copy[copy.length - 2] &= ~1;
  return [copy, ...content];
}
