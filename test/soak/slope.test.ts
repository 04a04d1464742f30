import { expect, test } from 'vitest';
import { random } from '../truth/bodies.ts';
import { commonSlope, type Reading } from './slope.ts';

const noisy = (slope: number, noise: number, levels: readonly number[]): Reading[] => {
  const draw = random(7);
  return levels.flatMap((level, life) =>
    Array.from({ length: 200 }, (_, i) => ({
      life,
      minutes: life * 10 + i / 20,
      value: level + (slope * i) / 20 + noise * (draw() - 0.5),
    })),
  );
};

test('a slope is found across lives that start at levels of their own, and lies within its error', () => {
  const { slope, error } = commonSlope(noisy(0.5, 4, [80, 140, 60]));
  expect(error).toBeLessThan(0.1);
  expect(Math.abs(slope - 0.5)).toBeLessThan(3 * error);
});

test('what does not grow has no slope beyond its error', () => {
  const { slope, error } = commonSlope(noisy(0, 4, [80, 140, 60]));
  expect(Math.abs(slope)).toBeLessThan(3 * error);
});

test('readings that resemble each other are worth less: what wanders and comes back is no growth', () => {
  const draw = random(11);
  let away = 0;
  const wandering = Array.from({ length: 600 }, (_, i) => {
    away = 0.9 * away + draw() - 0.5;
    return { life: 0, minutes: i / 60, value: 100 + away };
  });
  const { slope, error } = commonSlope(wandering);
  expect(Math.abs(slope)).toBeLessThan(3 * error);
  const shuffled = commonSlope(
    wandering
      .toSorted((a, b) => a.value - b.value)
      .map((each, i) => ({ ...each, minutes: ((i * 7919) % 600) / 60 }))
      .toSorted((a, b) => a.minutes - b.minutes),
  );
  expect(error).toBeGreaterThan(2 * shuffled.error);
});

test('too little to tell', () => {
  expect(commonSlope([{ life: 0, minutes: 0, value: 1 }]).error).toBe(Number.POSITIVE_INFINITY);
});
