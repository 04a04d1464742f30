import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Clock } from '../../src/proxy/ports/clock.ts';

/** Wall times are told from here on: larger numbers would lose the tenth of a microsecond. */
const EPOCH = 1_700_000_000_000;

/**
 * A machine whose two clocks a test moves; in milliseconds. Its wall tells whole ones only, as Date.now does. Each
 * reading of a clock takes a tenth of a microsecond, and what `pause` says on top.
 */
function machine({ wall = 0.4, monotonic = 5000, pause = (): number => 0 } = {}) {
  const at = { wall, monotonic, readings: 0 };
  const pass = (milliseconds: number, wallToo = milliseconds): void => {
    at.monotonic += milliseconds;
    at.wall += wallToo;
  };
  const spend = (): void => {
    at.readings++;
    pass(0.0001 + pause());
  };
  const clock = new Clock(
    () => {
      spend();
      return EPOCH + Math.floor(at.wall);
    },
    () => {
      spend();
      return at.monotonic;
    },
  );
  return {
    at,
    clock,
    pass,
    /** what the clock tells now, in milliseconds */
    told: () => clock.micros(at.monotonic) / 1000,
    /** by how much the clock is ahead of the wall */
    error: () => clock.micros(at.monotonic) / 1000 - EPOCH - at.wall,
    /** Seconds pass, with the four looks in each that the traffic thread takes; true: it followed a step. */
    live(seconds: number): boolean {
      let followed = false;
      for (let i = 0; i < 4 * seconds; i++) {
        pass(250.037);
        if (clock.check()) followed = true;
      }
      return followed;
    },
  };
}

describe('the clock', () => {
  test('tells wall time in microseconds, finer than the wall does', () => {
    const { clock, pass, told, error } = machine();
    expect(Math.abs(error())).toBeLessThan(0.002);
    const before = told();
    pass(0.25);
    expect(told() - before).toBeCloseTo(0.25, 2);
    // a time that was noted earlier
    expect(clock.micros(4000) / 1000).toBeCloseTo(clock.micros(5000) / 1000 - 1000, 2);
  });

  test('is within 50 us from the start, whatever the time of day and however busy the machine', () => {
    // one of 3000 readings is followed by a pause of up to 10 ms: the thread hardly gets a third of its time
    const pauses = fc.infiniteStream(
      fc.oneof({ weight: 3000, arbitrary: fc.constant(0) }, fc.double({ min: 0, max: 10, noNaN: true })),
    );
    let worst = 0;
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1000, noNaN: true }), pauses, (phase, pauses) => {
        const busy = machine({ wall: phase, pause: () => pauses.next().value as number });
        worst = Math.max(worst, Math.abs(busy.error()));
      }),
      { numRuns: 200 },
    );
    expect(worst).toBeLessThan(0.05);
  });

  test('gives up after twenty ticks of a wall that cannot be read well', () => {
    const { at } = machine({ pause: () => 0.3 });
    expect(at.monotonic).toBeLessThan(5022);
  });

  test('that could not be read well at the start is narrowed while it runs', () => {
    let pause = 0.3;
    const machineInTrouble = machine({ pause: () => pause });
    pause = 0;
    machineInTrouble.live(60);
    expect(Math.abs(machineInTrouble.error())).toBeLessThan(0.02);
  });

  test('that is known costs three readings a look, and those of the precision', () => {
    const { at, clock, pass } = machine();
    pass(250.3);
    at.readings = 0;
    clock.check();
    expect(at.readings).toBeLessThan(8);
  });

  test('of two threads agree', () => {
    const one = machine();
    const other = machine({ monotonic: 12.3, wall: 0.77 });
    expect(Math.abs(one.error() - other.error())).toBeLessThan(0.02);
  });

  test.each([-5000, -1002, 1002, 86_400_000])('follows a wall that was set by %i ms, once and at once', (step) => {
    const { at, clock, pass, told, error } = machine();
    pass(100);
    const before = told();
    at.wall += step;
    // until somebody looks, time goes on without a jump
    expect(told()).toBe(before);
    expect(clock.check()).toBe(true);
    expect(Math.abs(error())).toBeLessThan(0.02);
    expect(clock.check()).toBe(false);
    expect(Math.abs(error())).toBeLessThan(0.02);
  });

  test.each([-999, -120, -3, 3, 120, 999])('slews after a wall that was set by %i ms, without a jump', (step) => {
    const { at, clock, pass, told, error } = machine();
    at.wall += step;
    expect(clock.check()).toBe(false);
    let last = told();
    for (let second = 0; second < 100; second++) {
      for (let i = 0; i < 100; i++) {
        pass(10);
        const now = told();
        // neither back nor by leaps: within a hundredth of the time that passed
        expect(Math.abs(now - last - 10)).toBeLessThanOrEqual(0.1 + 0.003);
        last = now;
      }
      const before = told();
      expect(clock.check()).toBe(false);
      const looking = told() - before;
      expect(looking).toBeGreaterThanOrEqual(0);
      last = told();
    }
    expect(Math.abs(error())).toBeLessThan(0.02);
  });

  test('does not change what it told of an earlier time by looking again', () => {
    const { at, clock, pass } = machine();
    at.wall += 500;
    clock.check();
    pass(3000.7);
    const noted = at.monotonic;
    const told = clock.micros(noted);
    for (let i = 0; i < 20; i++) {
      pass(250.037);
      clock.check();
    }
    expect(clock.micros(noted)).toBe(told);
  });

  test('stays with a wall that runs half a thousandth faster, and never goes back meanwhile', () => {
    const { clock, pass, told, error } = machine();
    let last = told();
    for (let i = 0; i < 4 * 600; i++) {
      pass(250.037, 250.037 * 1.0005);
      expect(clock.check()).toBe(false);
      const now = told();
      expect(now).toBeGreaterThan(last);
      last = now;
      expect(Math.abs(error())).toBeLessThan(2);
    }
  });

  test('is right after a machine slept', () => {
    const { at, live, error } = machine();
    live(5);
    at.wall += 900_000;
    expect(live(1)).toBe(true);
    expect(Math.abs(error())).toBeLessThan(0.02);
  });

  test('of the machine tells the machine’s time', () => {
    const clock = new Clock();
    const before = Date.now();
    const now = clock.micros(clock.now()) / 1000;
    expect(now).toBeGreaterThan(before - 1);
    expect(now).toBeLessThan(Date.now() + 1);
    expect(clock.micros(clock.now() + 1)).toBeGreaterThan(clock.micros(clock.now()));
  });
});
