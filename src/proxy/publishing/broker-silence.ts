import type { Alarm } from '../plane/alarm.ts';

/** A socket that was never empty for so long: the broker does not read, or hardly. A busy one is empty many times a second. */
const BACKLOG_MS = 250;

/**
 * Whether it means anything that the broker of one connection says nothing: only while it reads what is sent.
 *
 * A broker in an alarm (memory, disk) stops reading and drops what waits if the connection then ends. It tells clients
 * that can be told; of others it is known if another connection was told, or once our socket backs up.
 */
export class BrokerSilence {
  readonly #alarm: Alarm;
  /** the client has declared that it understands connection.blocked */
  canBeTold = false;
  #isBlocked = false;
  /** since when bytes have been waiting in our socket without a break, ms of the monotonic clock; NaN: none do */
  #behindSince = Number.NaN;
  /** when the broker began to read again */
  #resumed = Number.NEGATIVE_INFINITY;

  constructor(alarm: Alarm) {
    this.#alarm = alarm;
  }

  /** connection.blocked or connection.unblocked came. */
  told(blocked: boolean, now: number): void {
    if (this.#isBlocked && !blocked) this.#resumed = now;
    this.#isBlocked = blocked;
    this.#alarm.told(blocked, now);
  }

  /** Our socket to the broker could not take all it was given. */
  heldBack(now: number): void {
    if (Number.isNaN(this.#behindSince)) this.#behindSince = now;
  }

  /** It holds nothing any more. */
  flushed(now: number): void {
    if (now - this.#behindSince >= BACKLOG_MS) this.#resumed = now;
    this.#behindSince = Number.NaN;
  }

  /** The broker may not read what the kernel takes from now on. */
  get mayBeBlocked(): boolean {
    return this.#isBlocked || this.#alarm.stands;
  }

  /** Since when the broker has been reading without a break, as far as is known; NaN: it does not. */
  meaningfulSince(now: number): number {
    if (this.#isBlocked || now - this.#behindSince >= BACKLOG_MS) return Number.NaN;
    if (this.canBeTold) return this.#resumed;
    return this.#alarm.stands ? Number.NaN : Math.max(this.#resumed, this.#alarm.over);
  }

  /** Nothing has come back of a publish that passed at `time`: the broker would have said if it blocked. */
  unanswered(time: number, now: number): void {
    if (this.canBeTold) this.#alarm.read(time, now);
  }

  /** An answer shows that the broker has read what passed at `time`. */
  answered(time: number, now: number): void {
    if (this.#alarm.stands) this.#alarm.read(time, now);
  }
}
