import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RateLimiter } from '../../src/proxy/routing/rate-limit.ts';

/** What a limit said, as a tally hears it. */
function heard() {
  const figures = { over: 0, seconds: 0 };
  const tally = {
    overRate() {
      figures.over++;
    },
    heldBack(seconds: number) {
      figures.seconds += seconds;
    },
  };
  return { figures, tally };
}

describe('a rate limit', () => {
  test('is kept in the long run by one who sends as fast as it is let, however late it is woken', () => {
    const rates = fc.constantFrom(1, 3, 10, 50, 999, 5000, 100_000);
    fc.assert(
      fc.property(rates, fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }), (perSecond, late) => {
        const pacing = new RateLimiter();
        const { figures, tally } = heard();
        const limit = { perSecond };
        const messages = Math.max(100, perSecond * 2);
        let now = 1000;
        let waits = 0;
        for (let i = 0; i < messages; i++) {
          pacing.passed(limit, tally, now);
          if (pacing.wait === 0) continue;
          const slept = pacing.wait + late[waits++ % late.length];
          now += slept;
          pacing.waited(slept / 1000);
        }
        const window = Math.max(10, 1000 / perSecond);
        const least = (messages / perSecond) * 1000 - 2 * window;
        expect(now - 1000).toBeGreaterThan(least);
        expect(figures.seconds).toBeCloseTo((now - 1000) / 1000, 6);
        expect(figures.over).toBeGreaterThan(0);
        expect(figures.over).toBeLessThanOrEqual(messages);
        // woken in time, it sends all that it may
        if (late.every((each) => each === 0)) expect(now - 1000).toBeLessThanOrEqual(least + 3 * window);
      }),
    );
  });

  test('is not felt by one who sends more slowly', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 200 }), (slower) => {
        const pacing = new RateLimiter();
        const { figures, tally } = heard();
        const limit = { perSecond: 10 };
        let now = 0;
        for (const more of slower) {
          pacing.passed(limit, tally, now);
          expect(pacing.wait).toBe(0);
          now += 100 + more;
        }
        expect(figures).toEqual({ over: 0, seconds: 0 });
      }),
    );
  });

  test('is of its rule alone: messages of another do not use it up', () => {
    const pacing = new RateLimiter();
    const { tally } = heard();
    const [slow, fast] = [{ perSecond: 1 }, { perSecond: 1 }];
    pacing.passed(slow, tally, 0);
    pacing.passed(fast, tally, 0);
    expect(pacing.wait).toBe(0);
    pacing.passed(slow, tally, 0);
    expect(pacing.wait).toBe(1000);
  });

  test('says when reading has to stop, and never again once the connection ends', () => {
    const pacing = new RateLimiter();
    const { tally } = heard();
    let stops = 0;
    pacing.onWait = () => stops++;
    const limit = { perSecond: 1 };
    for (let i = 0; i < 3; i++) pacing.passed(limit, tally, 0);
    expect(stops).toBe(2);
    pacing.waited(1);
    pacing.end();
    for (let i = 0; i < 3; i++) pacing.passed(limit, tally, 0);
    expect([stops, pacing.wait]).toEqual([2, 0]);
  });
});
