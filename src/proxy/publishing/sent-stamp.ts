import { copyWords, viewOf } from '../../amqp/bytes.ts';
import { writeKey } from '../../amqp/content.ts';
import { writeU64 } from '../../amqp/fields.ts';
import type { Clock } from '../ports/clock.ts';
import { FURTHER_ADDED, SENT_ADDED, SHADOW, TABLE_ADDED, TRACE_ADDED } from './publish-marks.ts';

const NAME = 'x-tracehare-sent';

// What the last two bits of a stamp say of its publish, for a return that comes when nothing is remembered of that.
/** the app asked for the return, and its message had a table and a context of its own, or got none from us */
const ONLY_STAMPED = 0;
/** it was us who asked for the return, so the app never sees it, whatever of its headers is ours */
const ASKED_BY_US = 1;
/** traceparent is ours too */
const CONTEXT_IS_OURS = 2;
/** the message came without a table: all of it is ours */
const TABLE_IS_OURS = 3;
const ORIGINS = 4;

// What the bits in front of them say, for who has to tell dead letters from messages that were published with an old
// x-death: RabbitMQ before 4.0 passes that on as if it had written it (docs/broker-facts.md#dead-letters).
/** the message came with an x-death of its own, of which the next bits have a digest */
const CARRIES_DEATH = 4;
const DIGEST_AT = 8;
const DIGESTS = 256;
/** what a stamp with a digest is short of, in microseconds */
const DIGESTED = DIGEST_AT * DIGESTS;

/**
 * The x-tracehare-sent entry, first among those we add: microseconds since the epoch. Messages of one
 * chunk were read at one time, so the number is made once for all of them.
 *
 * Its last bits tell what of the publish is ours (the order of the headers can't, because RabbitMQ 4 sorts them), and
 * whether it came with an x-death. So it is up to 7 microseconds early, and up to 2 milliseconds with an x-death.
 */
export class SentStamp {
  /** length of the entry; others may be added behind it */
  readonly bytes: number;
  readonly #entry = Buffer.alloc(2 + NAME.length + 8);
  readonly #view = viewOf(this.#entry);
  readonly #value: number;
  readonly #clock: Clock;
  #now = Number.NaN;
  #time = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#value = writeKey(this.#entry, 0, NAME, 'l');
    this.bytes = this.#entry.length;
  }

  /** Writes the entry for a publish read at `now` to `view` at `at`; `finish` is to follow. */
  write(view: DataView, at: number, now: number): void {
    if (now !== this.#now) {
      const micros = this.#clock.micros(now);
      this.#now = now;
      this.#time = micros - (micros % DIGEST_AT);
      writeU64(this.#entry, this.#value, this.#time);
    }
    copyWords(this.#view, 0, this.bytes, view, at);
  }

  /**
   * Completes the entry that was just written there, once `marks` say what of the publish is ours. `death`: the digest
   * of the x-death that the message came with, -1 without one. Returns the stamp.
   */
  finish(view: DataView, at: number, marks: number, death: number): number {
    const stamp = this.stamp(marks, death);
    if (death < 0) view.setUint8(at + this.bytes - 1, this.#entry[this.bytes - 1] | originOf(marks));
    else view.setBigUint64(at + this.#value, BigInt(stamp));
    return stamp;
  }

  /** The stamp of a publish whose entry was written last, without completing it. */
  stamp(marks: number, death: number): number {
    const origin = originOf(marks);
    if (death < 0) return this.#time + origin;
    const digest = death * DIGEST_AT;
    const rest = this.#time % DIGESTED;
    // never later than the publish: a delivery right behind it would seem to come before it
    const time = this.#time - rest - (digest > rest ? DIGESTED : 0);
    return time + digest + CARRIES_DEATH + origin;
  }

  /** Writes `stamp` over another one, whose type octet is at `at`. */
  overwrite(bytes: Uint8Array, at: number, stamp: number): void {
    bytes[at] = this.#entry[this.#value - 1];
    writeU64(bytes, at + 1, stamp);
  }
}

function originOf(marks: number): number {
  if ((marks & SHADOW) !== 0) return ASKED_BY_US;
  if ((marks & TABLE_ADDED) !== 0) return TABLE_IS_OURS;
  return (marks & TRACE_ADDED) !== 0 ? CONTEXT_IS_OURS : ONLY_STAMPED;
}

/** What a stamp of ours tells of its publish: SHADOW, or what we added to the headers of one that the app asked to get back. */
export function marksOfStamp(stamp: number): number {
  const origin = stamp % ORIGINS;
  if (origin === ASKED_BY_US) return SHADOW;
  if (origin === TABLE_IS_OURS) return SENT_ADDED | TRACE_ADDED | FURTHER_ADDED | TABLE_ADDED;
  return origin === CONTEXT_IS_OURS ? SENT_ADDED | TRACE_ADDED : SENT_ADDED;
}

/** The digest of the x-death that the publish with this stamp came with; -1: it had none. */
export function deathOfStamp(stamp: number): number {
  if (stamp % DIGEST_AT < CARRIES_DEATH) return -1;
  return Math.floor(stamp / DIGEST_AT) % DIGESTS;
}
