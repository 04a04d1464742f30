import { readU16, readU32 } from './fields.ts';
import type { Protocol } from './protocol.ts';
import {
  FRAME_BODY,
  FRAME_END,
  FRAME_HEAD,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_OVERHEAD,
} from './spec.ts';

/**
 * Receives one direction of a connection, in order. Buffers are valid until the call returns.
 * Every byte that was pushed comes out of exactly one of these calls, exactly once.
 */
export interface FrameVisitor {
  /** A whole frame of a method that is observed. `key`: class and method id (spec.methodKey). */
  method(key: number, channel: number, buf: Uint8Array, start: number, end: number): void;
  /** A whole content-header frame. */
  header(channel: number, buf: Uint8Array, start: number, end: number): void;
  /** A piece of a body frame; `payload` is the frame's payload size on its last piece and -1 before. */
  body(channel: number, payload: number, buf: Uint8Array, start: number, end: number): void;
  /**
   * Whole method frames begin at buf[start] and may be followed by others, up to `end`: takes as many
   * whole frames as it likes, of any kind, and returns where it stopped. They come to no other call.
   */
  whole?(buf: Uint8Array, start: number, end: number): number;
  /** Bytes of a frame nobody observes, on `channel`; -1: of no frame, or of one that can't be told. */
  raw(buf: Uint8Array, start: number, end: number, channel: number): void;
  /** What follows can't be read: everything from here on comes as raw. */
  lost(): void;
}

/** Which side opens: an app with a protocol header; a broker with a frame, or with a header if it refuses. */
export type Opening = 'header' | 'frame';

/** Largest method or header frame that is collected. */
export const MAX_FRAME = 1 << 20;

const UNOPENED = 0;
const FRAMES = 1;
const STREAMING = 2;
const LOST = 3;
const STOPPED = 4;

/**
 * A push decoder that walks chunks as they came: frames that lie whole in a chunk are handed on
 * in place; a method or header frame cut by the chunk's end is completed in a small carry buffer;
 * bodies and frames nobody observes are never collected.
 */
export class FrameDecoder implements Protocol {
  readonly #visitor: FrameVisitor;
  readonly #takesWhole: boolean;
  readonly #observed: ReadonlySet<number>;
  /** an observed method: the next one is mostly the same */
  #lastKey = -1;
  /** Largest method or header frame that is collected; larger is taken for a loss of framing. */
  maxFrame: number;
  /**
   * Largest frame that the two sides have agreed on: one that is larger is handed on as it comes, like one nobody
   * observes, for its receiver refuses it by what its head says.
   */
  frameMax = Number.POSITIVE_INFINITY;
  /** until the first push what a connection speaks is not known: its header may have passed in part */
  #state: typeof UNOPENED | typeof FRAMES | typeof STREAMING | typeof LOST | typeof STOPPED = UNOPENED;
  #carry = Buffer.allocUnsafe(256);
  #carried = 0;
  /** bytes of the streamed frame still to come, its end octet included */
  #remaining = 0;
  /** of the streamed frame: its channel and payload, or -1 if it is no body */
  #channel = 0;
  #payload = -1;

  constructor(visitor: FrameVisitor, observed: ReadonlySet<number>, maxFrame = MAX_FRAME) {
    this.#visitor = visitor;
    this.#takesWhole = visitor.whole !== undefined;
    this.#observed = observed;
    this.maxFrame = maxFrame;
  }

  /** What was handed on so far ends with a frame's end: bytes of our own could go in here. */
  get atBoundary(): boolean {
    return this.#state === FRAMES || this.#state === STOPPED;
  }

  /** True once the direction is passed on unread. */
  get isLost(): boolean {
    return this.#state === LOST;
  }

  /** Stop reading: from now on everything is raw. What was held back comes out first. */
  lose(): void {
    if (this.#state === LOST) return;
    this.#state = LOST;
    this.end();
  }

  /** The side it comes from has ended: what is held back of a frame that never came whole comes out as it is. */
  end(): void {
    const held = this.#carried;
    this.#carried = 0;
    if (held > 0) this.#visitor.raw(this.#carry, 0, held, -1);
  }

  /** Called by the visitor at the end of a frame: nothing is handed on after it until the next `push`. */
  stop(): void {
    if (this.#state === FRAMES) this.#state = STOPPED;
  }

  /** Returns where it stopped: `end`, or behind the frame at which the visitor called `stop`. */
  push(buf: Uint8Array, start: number, end: number): number {
    this.#goOn();
    let p = start;
    while (p < end) {
      if (this.#state === FRAMES) p = this.#carried > 0 ? this.#complete(buf, p, end) : this.#walk(buf, p, end);
      else if (this.#state === STREAMING) p = this.#stream(buf, p, end);
      else if (this.#state === STOPPED) return p;
      else {
        this.#visitor.raw(buf, p, end, -1);
        return end;
      }
    }
    return end;
  }

  #goOn(): void {
    if (this.#state === STOPPED || this.#state === UNOPENED) this.#state = FRAMES;
  }

  /** Whole frames in place; returns where it stopped: at a frame to stream, or at the end with the rest carried. */
  #walk(buf: Uint8Array, start: number, end: number): number {
    let p = start;
    while (end - p >= FRAME_HEAD) {
      if (this.#takesWhole && buf[p] === FRAME_METHOD && end - p >= FRAME_OVERHEAD + 4) {
        const next = this.#visitor.whole?.(buf, p, end) ?? p;
        if (next !== p) {
          p = next;
          continue;
        }
      }
      const frameEnd = p + readU32(buf, p + 3) + FRAME_OVERHEAD;
      if (frameEnd > end) {
        const need = this.#needed(buf, p, end - p);
        if (need < 0) return p;
        if (need > 0) break;
        this.#beginStream(buf, p);
        return p;
      }
      if (buf[frameEnd - 1] !== FRAME_END || !this.#dispatch(buf, p, frameEnd)) {
        this.#fail();
        return p;
      }
      if (this.#state !== FRAMES) return frameEnd;
      p = frameEnd;
    }
    if (p < end) this.#hold(buf, p, end);
    return end;
  }

  /**
   * How many bytes of the frame at `at`, of which `have` are there, must be collected before it
   * can be handed on; 0: stream it; -1: not a frame we collect (framing was lost, and said so).
   */
  #needed(buf: Uint8Array, at: number, have: number): number {
    if (have < FRAME_HEAD) return FRAME_HEAD;
    const type = buf[at];
    const size = readU32(buf, at + 3) + FRAME_OVERHEAD;
    if (type === FRAME_BODY) return 0;
    if (type === FRAME_METHOD) {
      if (size < FRAME_OVERHEAD + 4) return this.#fail();
      if (have < FRAME_HEAD + 4) return FRAME_HEAD + 4;
      if (!this.#observed.has(readU32(buf, at + FRAME_HEAD))) return 0;
    } else if (type !== FRAME_HEADER && type !== FRAME_HEARTBEAT) return this.#fail();
    if (size > this.frameMax) return 0;
    return size > this.maxFrame ? this.#fail() : size;
  }

  #dispatch(buf: Uint8Array, start: number, end: number): boolean {
    switch (buf[start]) {
      case FRAME_BODY:
        this.#visitor.body(readU16(buf, start + 1), end - start - FRAME_OVERHEAD, buf, start, end);
        return true;
      case FRAME_METHOD: {
        if (end - start < FRAME_OVERHEAD + 4) return false;
        const key = readU32(buf, start + FRAME_HEAD);
        if (key === this.#lastKey || this.#isObserved(key))
          this.#visitor.method(key, readU16(buf, start + 1), buf, start, end);
        else this.#visitor.raw(buf, start, end, readU16(buf, start + 1));
        return true;
      }
      case FRAME_HEADER:
        this.#visitor.header(readU16(buf, start + 1), buf, start, end);
        return true;
      case FRAME_HEARTBEAT:
        this.#visitor.raw(buf, start, end, readU16(buf, start + 1));
        return true;
      default:
        return false;
    }
  }

  #isObserved(key: number): boolean {
    if (!this.#observed.has(key)) return false;
    this.#lastKey = key;
    return true;
  }

  #hold(buf: Uint8Array, start: number, end: number): void {
    const size = this.#carried + end - start;
    if (size > this.#carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, Math.min(this.#carry.length * 2, this.maxFrame)));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(buf.subarray(start, end), this.#carried);
    this.#carried = size;
  }

  /** Adds to the carried frame what it lacks, and no more; hands it on once it is whole. */
  #complete(buf: Uint8Array, start: number, end: number): number {
    let p = start;
    for (;;) {
      const need = this.#needed(this.#carry, 0, this.#carried);
      if (need < 0) return p;
      if (need === 0) {
        const carried = this.#carried;
        this.#beginStream(this.#carry, 0);
        this.#carried = 0;
        this.#stream(this.#carry, 0, carried);
        return p;
      }
      if (this.#carried >= need) break;
      const take = Math.min(need - this.#carried, end - p);
      if (take === 0) return p;
      this.#hold(buf, p, p + take);
      p += take;
    }
    const whole = this.#carried;
    const carry = this.#carry;
    // emptied first: the visitor may ask atBoundary
    this.#carried = 0;
    if (carry[whole - 1] !== FRAME_END || !this.#dispatch(carry, 0, whole)) {
      this.#carried = whole;
      this.#fail();
    }
    return p;
  }

  #beginStream(buf: Uint8Array, at: number): void {
    this.#state = STREAMING;
    this.#remaining = readU32(buf, at + 3) + FRAME_OVERHEAD;
    this.#channel = readU16(buf, at + 1);
    this.#payload = buf[at] === FRAME_BODY ? this.#remaining - FRAME_OVERHEAD : -1;
  }

  #stream(buf: Uint8Array, start: number, end: number): number {
    const stop = Math.min(end, start + this.#remaining);
    this.#remaining -= stop - start;
    const ended = this.#remaining === 0;
    if (ended) this.#state = FRAMES;
    if (this.#payload < 0) this.#visitor.raw(buf, start, stop, this.#channel);
    else this.#visitor.body(this.#channel, ended ? this.#payload : -1, buf, start, stop);
    if (ended && buf[stop - 1] !== FRAME_END) this.#fail();
    return stop;
  }

  #fail(): -1 {
    if (this.#state !== LOST) {
      this.#visitor.lost();
      this.lose();
    }
    return -1;
  }
}
