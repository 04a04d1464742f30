import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { topicDetail } from '../../src/admin/topic-answers.ts';
import type { DetailPart } from '../../src/parts.ts';
import { rig } from './rig.ts';

const START = Date.UTC(2026, 8, 21);
const PIPELINE = '/';

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A topic whose publishes pass one sidecar, and its deliveries another one. */
function twoSidecars() {
  const [publisher, consumer] = [rig(), rig()];
  // watermarks are of names that are counted
  publisher.recorder.publishes('orders', PIPELINE).passed(1);
  consumer.recorder.deliveries('orders', PIPELINE, 'billing').passed(1, false, false);
  const published = publisher.recorder.watermark({
    topic: 'orders',
    pipeline: PIPELINE,
    queue: undefined,
    routingKey: 'created',
  });
  const delivered = consumer.recorder.watermark({
    topic: 'orders',
    pipeline: PIPELINE,
    queue: 'billing',
    routingKey: 'created',
  });
  return {
    publish: () => published.reached(Date.now() * 1000),
    /** of one that was published so many seconds ago */
    deliver: (ago: number) => delivered.reached((Date.now() - ago * 1000) * 1000),
    pass(seconds: number): void {
      for (let i = 0; i < seconds; i++) {
        vi.setSystemTime(Date.now() + 1000);
        for (const { exposition } of [publisher, consumer]) exposition.snapshot();
      }
    },
    waits(): number | null {
      const parts = [publisher, consumer].map(({ exposition }) => exposition.topic('orders', PIPELINE) as DetailPart);
      return topicDetail(parts).queues.find(({ queue }) => queue === 'billing')?.oldestWaiting ?? null;
    },
  };
}

test('nobody knows while only one side was seen', () => {
  const { publish, waits } = twoSidecars();
  publish();
  expect(waits()).toBeNull();
});

test('a message waits from its own publish on, however long nothing was published before, until it is delivered', () => {
  const { publish, deliver, pass, waits } = twoSidecars();
  publish();
  deliver(0);
  pass(3600);
  expect(waits()).toBe(0);
  publish();
  pass(30);
  expect(waits()).toBe(30);
  deliver(30);
  expect(waits()).toBe(0);
});

test('of many that are published each second the oldest counts, and once it is delivered the next', () => {
  const { publish, deliver, pass, waits } = twoSidecars();
  publish();
  deliver(0);
  for (let i = 0; i < 600; i++) {
    pass(1);
    publish();
  }
  pass(1);
  const waited = waits() as number;
  // the older, the coarser: never more than it is
  expect(waited).toBeGreaterThan(500);
  expect(waited).toBeLessThanOrEqual(600);
  deliver(11);
  expect(waits()).toBeGreaterThanOrEqual(8);
  expect(waits()).toBeLessThanOrEqual(10);
});
