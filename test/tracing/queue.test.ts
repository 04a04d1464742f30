import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ExportQueue } from '../../src/telemetry/export/queue.ts';

type Done = (error: Error | undefined) => void;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('an endpoint that never ends its answer: what is under way counts as dropped, the next is sent, and nothing counts twice', () => {
  const sent: Done[] = [];
  const told: [string, number][] = [];
  const queue = new ExportQueue<string>(
    {
      begin() {
        const sources: string[] = [];
        return {
          get count() {
            return sources.length;
          },
          add: (source) => sources.push(source),
          send: (done) => sent.push(done),
        };
      },
      shutdown: () => Promise.resolve(),
    },
    { maxQueueSize: 10, maxExportBatchSize: 2, scheduledDelayMillis: 1000, exportTimeoutMillis: 30_000 },
    (error, spans) => told.push([error.message, spans]),
  );
  const figures = (): number[] => [queue.exported, queue.dropped, queue.queued];
  for (const source of ['a', 'b', 'c']) queue.add(source);
  expect(figures()).toEqual([0, 0, 3]);
  vi.advanceTimersByTime(29_999);
  expect(figures()).toEqual([0, 0, 3]);
  vi.advanceTimersByTime(1);
  expect(figures()).toEqual([0, 2, 1]);
  expect(told).toEqual([['no whole answer within 30000 ms', 2]]);

  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(2);
  sent[0](undefined);
  expect(figures()).toEqual([0, 2, 1]);
  sent[1](undefined);
  expect(figures()).toEqual([1, 2, 0]);
  vi.advanceTimersByTime(60_000);
  expect(figures()).toEqual([1, 2, 0]);
  expect(told).toHaveLength(1);
});
