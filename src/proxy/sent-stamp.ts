import { copyWords, viewOf } from '../amqp/bytes.ts';
import { writeKey } from '../amqp/content.ts';
import { writeU64 } from '../amqp/fields.ts';
import type { Clock } from './clock.ts';

const NAME = 'x-tracehare-sent';

/**
 * The x-tracehare-sent entry, first among those we add: microseconds since the epoch. Messages of one
 * chunk were read at one time, so the number is made once for all of them.
 *
 * Its last bit tells who asked for a return, when the record of its publish is gone: a microsecond
 * more or less says nothing else.
 */
export class SentStamp {
  /** of the entry, behind which others may be added */
  readonly bytes: number;
  readonly #entry = Buffer.alloc(2 + NAME.length + 8);
  readonly #view = viewOf(this.#entry);
  readonly #value: number;
  readonly #clock: Clock;
  #now = Number.NaN;
  #even = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#value = writeKey(this.#entry, 0, NAME, 'l');
    this.bytes = this.#entry.length;
  }

  /** Writes the entry for a publish read at `now` to `view` at `at`; returns the stamp. `shadow`: the mandatory bit is ours. */
  write(view: DataView, at: number, now: number, shadow: boolean): number {
    if (now !== this.#now) {
      const micros = this.#clock.micros(now);
      this.#now = now;
      this.#even = micros - (micros % 2);
      writeU64(this.#entry, this.#value, this.#even);
    }
    const end = copyWords(this.#view, 0, this.bytes, view, at);
    if (!shadow) return this.#even;
    view.setUint8(end - 1, this.#entry[this.bytes - 1] | 1);
    return this.#even + 1;
  }
}

export const isShadowStamp = (stamp: number): boolean => stamp % 2 === 1;
