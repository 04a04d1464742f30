import { FrameDecoder, type FrameVisitor } from '../../amqp/frames.ts';
import { DELAY_LINE_BYTES } from '../stream/delay-line.ts';
import type { FrameBoundary } from '../stream/frame-boundary.ts';
import type { HeldSettlements } from './held-settlements.ts';

/** As much of a channel as is looked at. */
interface Blockable {
  readonly heldSettlements: HeldSettlements | undefined;
  readonly severed: { brokerTold: boolean } | undefined;
  readonly isClosedByBroker: boolean;
}

/** Who gets what waited. */
interface Visitor extends FrameVisitor {
  /** of what it gets, ms of the monotonic clock */
  now: number;
}

interface Channels {
  channel(id: number): Blockable | undefined;
  channels(): Iterable<Blockable>;
}

/** Timers of Node hold 31 bits of milliseconds. */
const LONGEST = 2 ** 31 - 1;

/**
 * The settlements that faults hold on one connection, and all that comes behind each on its channel. They wait unread, as
 * if the app had not sent them yet: what is counted of them counts when they go.
 */
export class BlockedHandlers {
  readonly #channels: Channels;
  readonly #boundary: FrameBoundary;
  readonly #visitor: Visitor;
  readonly #observed: ReadonlySet<number>;
  /** the last frame that came waits here, and may not have come whole */
  #last: HeldSettlements | undefined;
  /** what waited is being handed on */
  #passing = false;

  constructor(channels: Channels, boundary: FrameBoundary, visitor: Visitor, observed: ReadonlySet<number>) {
    this.#channels = channels;
    this.#boundary = boundary;
    this.#visitor = visitor;
    this.#observed = observed;
  }

  /** A frame of channel `id`, or a part of one. True: it waits; false: it may pass. */
  waits(key: number, id: number, buf: Uint8Array, start: number, end: number): boolean {
    if (this.#passing) return false;
    this.#last = undefined;
    const channel = this.#channels.channel(id);
    const held = channel?.heldSettlements;
    if (channel === undefined || held === undefined) return false;
    // the broker reads nothing on it any more: the app's answer to its end does not have to wait
    if (channel.isClosedByBroker || channel.severed?.brokerTold) this.#pass(held, Number.POSITIVE_INFINITY);
    const now = this.#boundary.now();
    if (!held.waits(key, buf, start, end, now)) return false;
    this.#last = held;
    this.#boundary.isHeldBack = true;
    if (held.size > DELAY_LINE_BYTES) this.#boundary.full(held, true);
    if (held.timer === undefined) this.#arm(held, now);
    return true;
  }

  /** All of them go now, in order, and so do those of what was delivered before: only where bytes of ours can go in. */
  letGo(): void {
    for (const { heldSettlements } of this.#channels.channels()) {
      heldSettlements?.forgive();
      if (heldSettlements !== undefined) this.#pass(heldSettlements, Number.POSITIVE_INFINITY);
    }
  }

  #arm(held: HeldSettlements, now: number): void {
    const { due = Number.POSITIVE_INFINITY } = held;
    if (due === Number.POSITIVE_INFINITY) return;
    held.timer = setTimeout(
      () => {
        held.timer = undefined;
        this.#boundary.onceAtBoundary(() => this.#pass(held, this.#boundary.now()));
      },
      Math.min(Math.max(0, Math.ceil(due - now)), LONGEST),
    );
  }

  #pass(held: HeldSettlements, now: number): void {
    const pieces = held.take(now);
    clearTimeout(held.timer);
    held.timer = undefined;
    if (held.size < DELAY_LINE_BYTES / 2) this.#boundary.full(held, false);
    if (pieces.length > 0) {
      const { isHeldBack } = this.#boundary;
      this.#passing = true;
      const frames = Buffer.concat(pieces);
      this.#visitor.now = this.#boundary.now();
      new FrameDecoder(this.#visitor, this.#observed).push(frames, 0, frames.length);
      this.#passing = false;
      const isAll = held.due === undefined;
      // the frame that is coming goes on as it comes if its beginning has gone
      this.#boundary.isHeldBack = isHeldBack && !(isAll && held === this.#last);
      if (isAll && held === this.#last) this.#last = undefined;
    }
    this.#arm(held, this.#boundary.now());
  }
}
