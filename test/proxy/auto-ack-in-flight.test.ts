import { expect, test } from 'vitest';
import { AutoAckInFlight } from '../../src/proxy/delivering/auto-ack-in-flight.ts';
import type { DeliveryTally } from '../../src/proxy/ports/observer.ts';

/** Counts what is told as unknown. */
function topic(): { tally: DeliveryTally; unknown: () => number } {
  let unknown = 0;
  const tally = { unknown: (_reason: string, count = 1) => (unknown += count) };
  return { tally: tally as unknown as DeliveryTally, unknown: () => unknown };
}

test('of an app that keeps up, what it was sent within the last second may be unread', () => {
  const inFlight = new AutoAckInFlight();
  const { tally, unknown } = topic();
  for (let ms = 0; ms < 5000; ms++) inFlight.add(tally, 2, 200, ms);
  inFlight.end(5000);
  expect(unknown()).toBeGreaterThanOrEqual(2000);
  expect(unknown()).toBeLessThan(2100);
  inFlight.end(5000);
  expect(unknown()).toBeLessThan(2100);
});

test('of an app that does not read, what the buffers hold, however long ago it was sent', () => {
  const inFlight = new AutoAckInFlight();
  const [early, late] = [topic(), topic()];
  // 60 messages of 1 MB, one a second: the buffers hold the last 36
  for (let i = 0; i < 60; i++) inFlight.add((i < 40 ? early : late).tally, 1, 1 << 20, i * 1000);
  inFlight.heldBack();
  inFlight.end(60_000);
  expect([early.unknown(), late.unknown()]).toEqual([16, 20]);
});

test('of many small ones not more than it can remember one by one', () => {
  const inFlight = new AutoAckInFlight();
  const topics = [topic(), topic()];
  for (let i = 0; i < 100_000; i++) inFlight.add(topics[i % 2].tally, 1, 10, i / 200);
  inFlight.end(500);
  expect(topics[0].unknown() + topics[1].unknown()).toBe(16_384);
});
