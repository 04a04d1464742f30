import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/proxy/clock.ts';

/** A wall and a monotonic clock that a test moves; in milliseconds. */
function clocks(wall = 1_700_000_000_000, monotonic = 5000) {
  const at = { wall, monotonic };
  const clock = new Clock(
    () => Math.floor(at.wall),
    () => at.monotonic,
    wall - monotonic,
  );
  const pass = (milliseconds: number, wallToo = milliseconds): void => {
    at.monotonic += milliseconds;
    at.wall += wallToo;
  };
  return { at, clock, pass, micros: () => clock.micros(clock.now()) };
}

describe('the clock', () => {
  test('tells wall time in microseconds, finer than the wall does', () => {
    const { clock, pass, micros } = clocks();
    expect(clock.now()).toBe(5000);
    expect(micros()).toBe(1_700_000_000_000_000);
    pass(0.25);
    expect(micros()).toBe(1_700_000_000_000_250);
    // a time that was noted earlier
    expect(clock.micros(4000)).toBe(1_699_999_999_000_000);
  });

  test.each([-5000, -1002, 1002, 86_400_000])('follows a wall that was set by %i ms, once', (step) => {
    const { at, clock, pass, micros } = clocks();
    pass(100);
    at.wall += step;
    const before = micros();
    // until somebody looks, time goes on without a jump
    expect(before).toBe(1_700_000_000_100_000);
    expect(clock.check()).toBe(true);
    expect(micros()).toBe(before + step * 1000 + 500);
    expect(clock.check()).toBe(false);
    expect(micros()).toBe(before + step * 1000 + 500);
  });

  test.each([-999, -1, 1, 999])('stays as it is when the wall is set by %i ms only', (step) => {
    const { at, clock, micros } = clocks();
    at.wall += step;
    expect(clock.check()).toBe(false);
    expect(micros()).toBe(1_700_000_000_000_000);
  });

  test('follows a wall that is slewed, a second at a time, and never goes back meanwhile', () => {
    const { at, clock, pass, micros } = clocks();
    let followed = 0;
    let last = micros();
    // half a millisecond per second, for two hours: 3.6 s in all
    for (let second = 0; second < 7200; second++) {
      pass(1000, 1000.5);
      if (clock.check()) followed++;
      const now = micros();
      expect(now).toBeGreaterThan(last);
      last = now;
      expect(Math.abs(now / 1000 - at.wall)).toBeLessThanOrEqual(1001);
    }
    expect(followed).toBe(3);
  });

  test('is right from the start on a machine that slept since the process began', () => {
    const clock = new Clock(
      () => 1_700_000_900_000,
      () => 100,
      1_700_000_000_000,
    );
    expect(clock.micros(clock.now())).toBe(1_700_000_900_000_500);
  });

  test('of the machine tells the machine’s time', () => {
    const clock = new Clock();
    const before = Date.now();
    const now = clock.micros(clock.now()) / 1000;
    expect(now).toBeGreaterThan(before - 1001);
    expect(now).toBeLessThan(Date.now() + 1001);
    expect(clock.micros(clock.now() + 1)).toBeGreaterThan(clock.micros(clock.now()));
  });
});
