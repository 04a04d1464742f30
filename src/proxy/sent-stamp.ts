import { writeKey } from '../amqp/content.ts';
import { writeU64 } from '../amqp/fields.ts';
import type { Clock } from './clock.ts';
import type { HeaderEdit } from './interceptor.ts';

/**
 * The x-tracehare-sent entry, first among those we add: microseconds since the epoch. Messages of one
 * chunk were read at one time, so the number is made and written once for all of them.
 *
 * Its last bit tells who asked for a return, when the record of its publish is gone: a microsecond
 * more or less says nothing else.
 */
export class SentStamp {
  /** of the entry, behind which others may be added */
  readonly bytes: number;
  readonly #entries: Uint8Array;
  readonly #value: number;
  readonly #clock: Clock;
  #now = Number.NaN;
  #even = 0;

  constructor({ entries }: HeaderEdit, clock: Clock) {
    this.#entries = entries;
    this.#clock = clock;
    this.#value = this.#writeKey();
    this.bytes = this.#value + 8;
  }

  #writeKey(): number {
    return writeKey(this.#entries, 0, 'x-tracehare-sent', 'l');
  }

  /** Other entries were written in its place. */
  overwritten(): void {
    this.#now = Number.NaN;
  }

  /** Writes the entry for a publish read at `now`; returns the stamp. `shadow`: the mandatory bit is ours. */
  write(now: number, shadow: boolean): number {
    if (now !== this.#now) {
      const micros = this.#clock.micros(now);
      this.#now = now;
      this.#even = micros - (micros % 2);
      this.#writeKey();
      writeU64(this.#entries, this.#value, this.#even);
    }
    const last = this.#value + 7;
    if (!shadow) {
      this.#entries[last] &= 0xfe;
      return this.#even;
    }
    this.#entries[last] |= 1;
    return this.#even + 1;
  }
}

export const isShadowStamp = (stamp: number): boolean => stamp % 2 === 1;
