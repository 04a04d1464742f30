import { readU64 } from '../../amqp/fields.ts';
import { FRAME_HEAD, keyOf } from '../../amqp/spec.ts';
import type { SettlementHold } from '../ports/verdict.ts';

const REJECT = keyOf('basic.reject');
const SETTLING: ReadonlySet<number> = new Set([keyOf('basic.ack'), keyOf('basic.nack'), REJECT]);
/** class, method, delivery tag and an octet of bits */
const PAYLOAD = 4 + 9;
/** What a piece takes beside its bytes. */
const OVERHEAD = 128;

interface Segment {
  pieces: Uint8Array[];
  /** ms of the monotonic clock */
  due: number;
}

/**
 * Of one channel: the deliveries whose settlement a fault holds, and the frames of the app that wait, from the first such
 * settlement on, in order.
 */
export class HeldSettlements {
  readonly #most: number;
  readonly #struck = new Map<number, SettlementHold>();
  #segments: Segment[] = [];
  /** about the bytes of memory that the frames take */
  size = 0;
  /** calls whoever lets go */
  timer: NodeJS.Timeout | undefined;

  /** `most`: deliveries remembered, the newest; others may have gone back to their queue unsettled. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The settlement of the delivery with this tag is to be held. */
  strike(tag: number, hold: SettlementHold): void {
    const [oldest] = this.#struck.keys();
    if (this.#struck.size >= this.#most && oldest !== undefined) this.#struck.delete(oldest);
    this.#struck.set(tag, hold);
  }

  /** A frame of the app, or a part of one (`key` 0: no method). True: it waits; false: it may pass. */
  waits(key: number, buf: Uint8Array, start: number, end: number, now: number): boolean {
    const due = SETTLING.has(key) && end - start > FRAME_HEAD + PAYLOAD ? this.#dueOf(key, buf, start, now) : 0;
    const last = this.#segments.at(-1);
    if (last === undefined && due <= now) return false;
    const piece = new Uint8Array(buf.subarray(start, end));
    if (last === undefined || due > last.due) this.#segments.push({ pieces: [piece], due });
    else last.pieces.push(piece);
    this.size += piece.length + OVERHEAD;
    return true;
  }

  /** When the frames at the head are due; undefined: none waits. */
  get due(): number | undefined {
    return this.#segments[0]?.due;
  }

  /** Takes the frames that are due at `now`, in the pieces in which they came. */
  take(now: number): Uint8Array[] {
    const rest = this.#segments.findIndex(({ due }) => due > now);
    const pieces = this.#segments.splice(0, rest < 0 ? this.#segments.length : rest).flatMap(({ pieces }) => pieces);
    for (const { length } of pieces) this.size -= length + OVERHEAD;
    return pieces;
  }

  /** Nothing is to be held any more of what was delivered so far. */
  forgive(): void {
    this.#struck.clear();
  }

  /** When the settlement may go: the latest of those of the deliveries that it settles. */
  #dueOf(key: number, buf: Uint8Array, start: number, now: number): number {
    const at = start + FRAME_HEAD + 4;
    const tag = readU64(buf, at);
    const isMultiple = key !== REJECT && (buf[at + 8] & 1) !== 0;
    let due = 0;
    const settle = (each: number, { delay, until }: SettlementHold): void => {
      this.#struck.delete(each);
      // a fault that has ended holds nothing
      due = Math.max(due, Math.min(now + delay, until));
    };
    if (!isMultiple) {
      const hold = this.#struck.get(tag);
      if (hold !== undefined) settle(tag, hold);
    } else
      for (const [each, hold] of this.#struck) {
        if (tag > 0 && each > tag) break;
        settle(each, hold);
      }
    return due;
  }
}
