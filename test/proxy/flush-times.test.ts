import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlushTimes } from '../../src/proxy/open-messages/flush-times.ts';

/** Far in the future: what is said of a publish that the kernel has not taken. */
const NOW = 1e9;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.nat(5).map((pass) => ({ pass })) },
  { weight: 2, arbitrary: fc.constant({ overtake: true }) },
  { weight: 2, arbitrary: fc.nat(3).map((late) => ({ late })) },
  { weight: 6, arbitrary: fc.nat(3).map((flush) => ({ flush })) },
  { weight: 2, arbitrary: fc.nat(8).map((since) => ({ since })) },
);

test('of each publish the flush that took it is known, until none up to it is open', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const real = new FlushTimes();
      /** by sequence: undefined as long as it is not written, NaN as long as the kernel has not taken it */
      const known: (number | undefined)[] = [];
      const isHeld = (sequence: number): boolean => known[sequence] === undefined;
      let sequence = 0;
      let forgotten = 0;
      let time = 0;
      let isWatched = false;
      const written = (which: number): void => {
        const wasWatched = isWatched;
        isWatched = true;
        expect(real.written(which)).toBe(!wasWatched);
      };
      for (const each of steps) {
        if ('pass' in each && each.pass > 0) {
          for (let i = 0; i < each.pass; i++) known[++sequence] = Number.NaN;
          written(sequence);
        } else if ('overtake' in each) {
          real.overtaken(++sequence);
          known[sequence] = undefined;
        } else if ('late' in each) {
          const held = Array.from({ length: sequence }, (_, i) => i + 1).filter(isHeld);
          const which = held[each.late % held.length];
          if (which === undefined) continue;
          known[which] = Number.NaN;
          written(which);
        } else if ('flush' in each) {
          time += each.flush;
          for (let n = 1; n <= sequence; n++) if (Number.isNaN(known[n])) known[n] = time;
          real.flushed(time);
          isWatched = false;
        } else if ('since' in each) {
          let last = forgotten;
          while (last < sequence && (known[last + 1] ?? NOW) <= time - each.since) last++;
          expect(Math.max(forgotten, real.lastAt(time - each.since))).toBe(last);
          forgotten = last;
          real.forget(last);
        }
        for (let n = forgotten + 1; n <= sequence; n++) {
          const taken = known[n];
          expect(real.of(n, NOW)).toBe(taken === undefined || Number.isNaN(taken) ? NOW : taken);
        }
      }
      for (let n = forgotten + 1; n <= sequence; n++) if (isHeld(n)) real.written(n);
      real.flushed(++time);
      expect(Math.max(forgotten, real.lastAt(time))).toBe(sequence);
    }),
    { numRuns: 500 },
  );
});
