import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChannelNumbers, MAX_CHANNEL } from '../../src/proxy/session/channel-numbers.ts';

const id = fc.oneof(fc.constantFrom(0, 1, 7, 8, 255, 256, 2047, MAX_CHANNEL), fc.nat(MAX_CHANNEL));
const step = fc.record({ what: fc.constantFrom('add', 'add', 'delete', 'limit', 'clear'), id });

test('it holds what a set would, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const numbers = new ChannelNumbers();
      const set = new Set<number>();
      for (const { what, id } of steps) {
        if (what === 'add') {
          expect(numbers.add(id)).toBe(!set.has(id));
          set.add(id);
        } else if (what === 'delete') expect(numbers.delete(id)).toBe(set.delete(id));
        else if (what === 'clear') {
          numbers.clear();
          set.clear();
        } else {
          numbers.limit(id);
          for (const each of set) if (each > id) set.delete(each);
        }
        expect(numbers.size).toBe(set.size);
        expect(numbers.has(id)).toBe(set.has(id));
      }
      for (const each of set) expect(numbers.has(each)).toBe(true);
    }),
  );
});
