import type { ContentHeader } from '../../amqp/content.ts';
import type { HeaderEdit } from '../ports/interceptor.ts';
import type { Output } from './output.ts';

/** Bytes held for one channel and direction; beyond, its connection is not read until there is room again. */
export const DELAY_LINE_BYTES = 16 << 20;

/** Where whole frames of one channel go: out at once, or by a line. */
export interface FrameSink {
  /** These bytes as they are; `ended`: a frame ends with them. */
  keep(buf: Uint8Array, start: number, end: number, ended?: boolean): void;
  splice(header: ContentHeader, edit: HeaderEdit): void;
  strip(header: ContentHeader, without: { remove: number; dropTable: boolean }): void;
  add(bytes: Uint8Array): void;
}

/** One direction of a connection, as lines see it. */
export interface Wire {
  readonly output: Output;
  /** for changed frames that are held: shared, empty between calls */
  readonly capture: Output;
  now(): number;
  /** Calls `go` once bytes of ours can go in between two frames, and sends what it puts out. */
  onceAtBoundary(go: () => void): void;
  /** A line is full, or has room again. */
  full(line: object, isFull: boolean): void;
}

interface Segment {
  pieces: Uint8Array[];
  /** it ends with a frame's end */
  whole: boolean;
  /** ms of the monotonic clock */
  due: number;
  /** told when it has left, if someone wants to know */
  left: (() => void) | undefined;
}

/**
 * Frames of one channel and direction on their way, in order, each not before it is due. While it
 * is empty and nothing is to be held, frames pass straight on.
 */
export class DelayLine implements FrameSink {
  readonly #wire: Wire;
  #segments: Segment[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  /** the last piece went straight out and did not end its frame */
  #straight = false;
  /** when the last of what is held is due */
  #tail = 0;
  #notBefore = 0;
  #rate = 0;
  #awaiting = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** What holds for the frames that follow: ms of the monotonic clock; bytes per ms, 0 for no limit. */
  hold(notBefore: number, rate: number): void {
    this.#notBefore = notBefore;
    this.#rate = rate;
  }

  /** What comes next is kept back until `settle` or `withdraw`: for how long is not known yet. */
  await(): void {
    this.#awaiting = true;
    this.hold(Number.POSITIVE_INFINITY, 0);
  }

  get isAwaiting(): boolean {
    return this.#awaiting;
  }

  /**
   * The last frame, kept back until it was known for how long, is due with those that follow.
   * Returns when it leaves. Only between two frames on the wire.
   */
  settle(notBefore: number, rate: number): number {
    this.#awaiting = false;
    this.hold(notBefore, rate);
    const last = this.#segments.at(-1);
    if (last === undefined) return this.#wire.now();
    this.#tail = this.#segments.at(-2)?.due ?? 0;
    const { due } = Object.assign(last, { due: this.#dueOf(last) });
    this.#leave();
    return due;
  }

  /** The last frame, kept back, is not to be sent. */
  withdraw(): void {
    this.#awaiting = false;
    const last = this.#segments.pop();
    if (last !== undefined) this.#size -= sizeOf(last);
    this.#tail = this.#segments.at(-1)?.due ?? 0;
    this.hold(0, 0);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  keep(buf: Uint8Array, start: number, end: number, ended = true): void {
    if (this.#straight || this.#isClear) {
      this.#wire.output.keep(buf, start, end);
      this.#straight = !ended;
    } else this.#push(new Uint8Array(buf.subarray(start, end)), ended);
  }

  splice(header: ContentHeader, edit: HeaderEdit): void {
    if (this.#isClear) this.#wire.output.splice(header, edit);
    else {
      this.#wire.capture.splice(header, edit);
      this.#pushCaptured();
    }
  }

  strip(header: ContentHeader, without: { remove: number; dropTable: boolean }): void {
    if (this.#isClear) this.#wire.output.strip(header, without);
    else {
      this.#wire.capture.strip(header, without);
      this.#pushCaptured();
    }
  }

  add(bytes: Uint8Array): void {
    if (this.#isClear) this.#wire.output.add(bytes);
    else this.#push(new Uint8Array(bytes), true);
  }

  /** Calls `left` once what was put in last has left, which is held at present. */
  whenLeft(left: () => void): void {
    const last = this.#segments.at(-1);
    if (last !== undefined) last.left = left;
  }

  /** Everything goes now, in order: only at the end of a frame on the wire. A frame that has not come whole is gone. */
  flush(): void {
    const now = this.#wire.now();
    for (const segment of this.#segments) if (segment.whole) segment.due = now;
    this.#leave();
    this.discard();
  }

  /** Nothing of it will ever go. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#segments = [];
    this.#size = 0;
    this.#tail = 0;
    this.#wire.full(this, false);
  }

  get #isClear(): boolean {
    if (this.#segments.length > 0 || this.#rate > 0) return false;
    return this.#notBefore === 0 || this.#notBefore <= this.#wire.now();
  }

  #pushCaptured(): void {
    const captured = this.#wire.capture.take();
    if (captured !== undefined) this.#push(new Uint8Array(captured.bytes), true);
  }

  #push(bytes: Uint8Array, whole: boolean): void {
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.whole) {
      segment = { pieces: [], whole: false, due: 0, left: undefined };
      this.#segments.push(segment);
    }
    segment.pieces.push(bytes);
    this.#size += bytes.length;
    if (whole) {
      segment.whole = true;
      segment.due = this.#dueOf(segment);
      this.#arm();
    }
    if (this.#size > DELAY_LINE_BYTES) this.#wire.full(this, true);
  }

  #dueOf(segment: Segment): number {
    const now = this.#wire.now();
    const earliest = Math.max(this.#tail, this.#notBefore, now);
    this.#tail = this.#rate > 0 ? earliest + sizeOf(segment) / this.#rate : earliest;
    return this.#tail;
  }

  #arm(): void {
    const first = this.#segments[0];
    if (this.#timer !== undefined || first === undefined || !first.whole || first.due === Number.POSITIVE_INFINITY) {
      return;
    }
    const wait = Math.min(Math.max(0, first.due - this.#wire.now()), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wire.onceAtBoundary(() => this.#leave());
    }, Math.ceil(wait));
  }

  /** What is due goes. */
  #leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = this.#wire.now();
    let count = 0;
    for (const { pieces, whole, due, left } of this.#segments) {
      if (!whole || due > now) break;
      count++;
      for (const bytes of pieces) {
        this.#wire.output.add(bytes);
        this.#size -= bytes.length;
      }
      left?.();
    }
    this.#segments.splice(0, count);
    if (this.#segments.length === 0) this.#tail = 0;
    if (this.#size < DELAY_LINE_BYTES / 2) this.#wire.full(this, false);
    this.#arm();
  }
}

/** Timers of Node hold 31 bits of milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

function sizeOf({ pieces }: Segment): number {
  let size = 0;
  for (const { length } of pieces) size += length;
  return size;
}
