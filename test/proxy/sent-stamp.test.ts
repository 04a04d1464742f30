import { expect, test } from 'vitest';
import { Clock } from '../../src/proxy/ports/clock.ts';
import { deathOfStamp, SentStamp } from '../../src/proxy/publishing/sent-stamp.ts';

/** The last bits of a stamp tell no time. */
const BITS = 8;
const EARLIEST = 2048 + BITS;
const NOON = 1_796_040_000_000_000;

test.each([0, 1, 999, 2040, 2047])(
  'a stamp with any digest of an x-death is never later than its publish, and 2 ms early at most (%i us)',
  (rest) => {
    const clock = new Clock();
    const at = NOON - (NOON % 2048) + rest;
    clock.micros = () => at;
    const sent = new SentStamp(clock);
    sent.write(new DataView(new ArrayBuffer(64)), 0, 1);
    for (let death = 0; death < 256; death++) {
      const stamp = sent.stamp(0, death);
      expect(deathOfStamp(stamp)).toBe(death);
      const time = stamp - (stamp % BITS);
      expect(time).toBeLessThanOrEqual(at);
      expect(time).toBeGreaterThanOrEqual(at - EARLIEST);
    }
  },
);
