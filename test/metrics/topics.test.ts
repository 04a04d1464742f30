import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LinePart, rowKey, STEP_MS, STEPS } from '../../src/parts.ts';
import { GainHistory, gained } from '../../src/telemetry/exposition/gain-history.ts';
import { Metrics } from '../../testing/metrics.ts';
import { rig, textOf } from './rig.ts';

const START = Date.UTC(2026, 8, 21);
const PIPELINE = '/';

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** As the sidecar has it: time passes second by second. */
function observed() {
  const { recorder, exposition } = rig();
  exposition.snapshot();
  return {
    recorder,
    exposition,
    pass(seconds: number): void {
      for (let i = 0; i < seconds; i++) {
        vi.setSystemTime(Date.now() + 1000);
        exposition.snapshot();
      }
    },
    line(topic: string): LinePart {
      return exposition.topicLines(new Set([rowKey(topic, PIPELINE)])).lines[0];
    },
  };
}

describe('a line', () => {
  test('has of each ten seconds what was counted in them, and adds up to what /metrics shows', async () => {
    const { recorder, exposition, pass, line } = observed();
    const publishes = recorder.publishes('orders', PIPELINE);
    const deliveries = recorder.deliveries('orders', PIPELINE, 'billing');
    for (let step = 0; step < 5; step++) {
      for (let i = 0; i <= step; i++) {
        publishes.passed(1);
        publishes.succeeded(0.001);
        deliveries.passed(1, false, false);
        deliveries.first(0.003 * (step + 1));
      }
      if (step === 3) publishes.lost('nacked', 0.1);
      pass(10);
    }
    publishes.passed(1, 7);
    const { points } = line('orders');
    const first = START / STEP_MS;
    expect(points.map(([step, published, consumed, lost]) => [step - first, published, consumed, lost])).toEqual([
      [0, 1, 1, 0],
      [1, 2, 2, 0],
      [2, 3, 3, 0],
      [3, 4, 4, 1],
      [4, 5, 5, 0],
      [5, 7, 0, 0],
    ]);
    const buckets = new Metrics(await textOf(exposition.render())).matching('event_latency_seconds_bucket');
    const counts = buckets.map((_, bucket) => points.reduce((sum, [, , , , latency]) => sum + latency[bucket], 0));
    expect(counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b))).toEqual(
      buckets.map(({ value }) => value),
    );
  });

  test('forgets what is older than a quarter of an hour', () => {
    const { recorder, pass, line } = observed();
    const publishes = recorder.publishes('orders', PIPELINE);
    publishes.passed(1, 3);
    pass((STEPS - 1) * 10);
    expect(line('orders').points).toHaveLength(1);
    pass(10);
    expect(line('orders').points).toEqual([]);
  });

  test('begins anew when the clock is put back, and goes on when it is put forward', () => {
    const { recorder, pass, line } = observed();
    const publishes = recorder.publishes('orders', PIPELINE);
    publishes.passed(1, 3);
    pass(20);
    vi.setSystemTime(START - 3_600_000);
    pass(1);
    publishes.passed(1, 2);
    expect(line('orders').points.map(([, published]) => published)).toEqual([2]);
    pass(10);
    vi.setSystemTime(START + 3_600_000);
    publishes.passed(1, 4);
    pass(1);
    publishes.passed(1, 5);
    expect(line('orders').points.map(([, published]) => published)).toEqual([5]);
  });
});

describe('the last minute', () => {
  test('is what came in it, by the seconds that it has', () => {
    const { recorder, exposition, pass } = observed();
    const publishes = recorder.publishes('orders', PIPELINE);
    publishes.passed(1, 100);
    pass(5);
    expect(exposition.topics('')).toMatchObject({
      windowSeconds: 5,
      topics: [{ published: 100, publishedTotal: 100 }],
    });
    pass(55);
    expect(exposition.topics('')).toMatchObject({ windowSeconds: 60, topics: [{ published: 100 }] });
    pass(15);
    expect(exposition.topics('').topics).toMatchObject([{ published: 0, publishedTotal: 100 }]);
  });

  test('of a topic whose series went and came again counts from its new start', () => {
    expect([gained(5, 8), gained(5, 2), gained(5, 0)]).toEqual([3, 2, 0]);
  });
});

test('topics are found by any part of topic or pipeline', () => {
  const { recorder, exposition } = observed();
  for (const [topic, pipeline] of [
    ['Orders', 'shop'],
    ['mails', 'shop'],
    ['mails', 'office'],
  ])
    recorder.publishes(topic, pipeline).passed(1);
  const found = (search: string) =>
    exposition.topics(search).topics.map(({ topic, pipeline }) => `${pipeline}/${topic}`);
  expect(found('order')).toEqual(['shop/Orders']);
  expect(found('shop').sort()).toEqual(['shop/Orders', 'shop/mails']);
  expect(exposition.pipelinesOf('mails').sort()).toEqual(['office', 'shop']);
  expect(exposition.topic('mails', 'none')).toBeUndefined();
});

describe('the history', () => {
  test('gives back what was gained, whatever the counts, for all rows or for some', () => {
    const columns = 7;
    const rows = 200;
    const history = new GainHistory(columns);
    const truth: number[][] = [];
    let before = new Float64Array(rows * columns);
    for (let step = 1000; step < 1000 + STEPS + 5; step++) {
      const now = before.slice();
      truth[step] = [];
      for (let i = 0; i < now.length; i++) {
        // few gain, and some of them much
        const gain = (i * 31 + step) % 11 === 0 ? [1, 127, 128, 70_000, 2 ** 33][(i + step) % 5] : 0;
        truth[step][i] = gain;
        now[i] += gain;
      }
      history.add(step, rows, before, now);
      before = now;
    }
    const read = (step: number, of?: number[]) => {
      const gains = new Array<number>(rows * columns).fill(0);
      history.read(step, of, (row, column, count) => {
        gains[row * columns + column] += count;
      });
      return gains;
    };
    for (let step = 1005; step < 1000 + STEPS + 5; step++) expect(read(step)).toEqual(truth[step]);
    const some = [0, 63, 64, 65, 199];
    expect(read(1050, some)).toEqual(truth[1050].map((gain, i) => (some.includes(Math.floor(i / columns)) ? gain : 0)));
    // the first ones have made room
    expect(read(1004).some((gain) => gain > 0)).toBe(false);
  });

  test('of topics without traffic takes no room, and of 5,000 that are all busy 4 KiB each', () => {
    const columns = 55;
    const history = new GainHistory(columns);
    const idle = new Float64Array(5000 * columns);
    for (let step = 0; step < STEPS; step++) history.add(step, 5000, idle, idle);
    expect(history.bytes).toBeLessThan(100_000);
    for (let step = STEPS; step < 2 * STEPS; step++) {
      const now = new Float64Array(5000 * columns);
      // published, consumed, and four buckets of each of three histograms, some 10 messages a second
      for (let row = 0; row < 5000; row++)
        for (let i = 0; i < 14; i++) now[row * columns + i * 3] = 10 + ((row + i) % 90);
      history.add(step, 5000, idle, now);
    }
    expect(history.bytes / 5000).toBeLessThan(4096);
  });
});
