import { describe, expect, test } from 'vitest';
import { type Claim, evaluate, evenly, type Life } from './simulated.ts';

const UNDELIVERED = 'event:undelivered:increase10m';
const ERROR = 'event:undelivered_error:increase10m';

const is = (at: number, name: string, value: number): Claim => ({
  at,
  expression: `sum by (topic, pipeline) (${name} == bool ${value})`,
});
/** Off by at most the stated error, which is at most `error`. */
const near = (at: number, truth: number, error: number): Claim[] => [
  { at, expression: `sum by (topic, pipeline) (abs(${UNDELIVERED} - ${truth}) <= bool ${ERROR})` },
  { at, expression: `sum by (topic, pipeline) (${ERROR} <= bool ${error})` },
];
const MINUTE = 60;

/** What is delivered of `published` when each waits `delay` seconds and `lost` are not. */
const delivered = (published: number[], delay: number, lost = (_: number) => false): number[] =>
  published.filter((_, i) => !lost(i)).map((time) => time + delay);

describe('exact, and said to be', () => {
  test('a burst on a topic that nobody had used before', () => {
    const published = evenly(100, 900, 905);
    const lives: Life[] = [
      { instance: 'a', fanout: 1, succeeded: published },
      { instance: 'b', phase: 7, firsts: delivered(published, 2, (i) => i % 10 === 3) },
    ];
    const claims = [950, 1200, 1460].flatMap((at) => [is(at, UNDELIVERED, 10), is(at, ERROR, 0)]);
    evaluate(lives, 2000, [...claims, is(1600, UNDELIVERED, 0), is(1600, ERROR, 0)]);
  });

  test('out of sidecars that started within the window', () => {
    const published = evenly(100, 920, 925);
    const lives: Life[] = [
      { instance: 'a', from: 905, phase: 4, fanout: 1, succeeded: published.slice(0, 60) },
      { instance: 'b', from: 905, phase: 2, fanout: 1, succeeded: published.slice(60) },
      { instance: 'c', from: 910, phase: 7, firsts: delivered(published, 2, (i) => i < 9) },
    ];
    evaluate(lives, 1500, [is(1000, UNDELIVERED, 9), is(1000, ERROR, 0), is(1400, UNDELIVERED, 9)]);
  });

  test('losses that their own sidecar told are not told again, late ones neither', () => {
    const published = evenly(100, 900, 905);
    const lives: Life[] = [
      {
        instance: 'a',
        fanout: 1,
        succeeded: published.slice(8),
        lost: published.slice(0, 8),
        lostLate: evenly(5, 910, 911),
      },
      { instance: 'b', firsts: delivered(published.slice(8), 2, (i) => i < 5 + 3) },
    ];
    evaluate(lives, 1500, [is(1000, UNDELIVERED, 3), is(1000, ERROR, 0)]);
  });

  test('with a fan-out of three, one of them dropping', () => {
    const published = evenly(50, 900, 905);
    const queues = [delivered(published, 1), delivered(published, 2), delivered(published, 3, (i) => i >= 30)];
    const lives: Life[] = [
      { instance: 'a', fanout: 3, succeeded: published },
      { instance: 'b', firsts: queues.flat() },
    ];
    evaluate(lives, 1500, [is(1000, UNDELIVERED, 20), is(1000, ERROR, 0)]);
  });

  test('nobody consumes: all of it', () => {
    evaluate([{ instance: 'a', fanout: 2, succeeded: evenly(50, 900, 905) }], 1500, [
      is(1000, UNDELIVERED, 100),
      is(1000, ERROR, 0),
    ]);
  });
});

describe('within the stated error', () => {
  const published = evenly(10 * 3600, 0, 3600);
  const lossy = (i: number) => i % 50 === 7; // 2 %: 120 of the 6,000 in 10 minutes
  const publisher: Life = { instance: 'a', phase: 1, fanout: 1, succeeded: published };
  const times = [20, 30, 45, 59].map((minute) => minute * MINUTE + 3);

  test('in steady traffic, of which the error is a tenth', () => {
    const consumer = { instance: 'b', phase: 9, firsts: delivered(published, 3, lossy) };
    evaluate(
      [publisher, consumer],
      3600,
      times.flatMap((at) => near(at, 120, 2 * 10 * 30)),
    );
  });

  test('when traffic comes and goes', () => {
    const waves = published.filter((time) => Math.floor(time / 100) % 3 !== 1);
    const consumer = { instance: 'b', phase: 12, firsts: delivered(waves, 10, lossy) };
    const lostIn = (at: number) => waves.filter((time, i) => lossy(i) && time > at - 600 && time <= at).length;
    const claims = [1203, 1250, 1301, 1333, 1399, 2000].flatMap((at) => near(at, lostIn(at), 900));
    evaluate([{ ...publisher, succeeded: waves }, consumer], 2100, claims);
  });

  test('when a sidecar ends and another takes its place, with what it counted since its last scrape', () => {
    const firsts = delivered(published, 1, lossy);
    const lives = [
      publisher,
      { instance: 'b', phase: 9, to: 1817, firsts },
      { instance: 'c', phase: 3, from: 1817, firsts },
    ];
    evaluate(
      lives,
      2500,
      [1803, 1830, 1850, 2100, 2400, 2450].flatMap((at) => near(at, 120, 5 * 10 * 45)),
    );
  });

  test('when a sidecar starts anew under its old name', () => {
    const firsts = delivered(published, 1, lossy);
    const lives = [
      publisher,
      { instance: 'b', phase: 9, to: 1817, firsts },
      { instance: 'b', phase: 9, from: 1819, firsts },
    ];
    evaluate(
      lives,
      2500,
      [1830, 1850, 2100, 2400, 2450].flatMap((at) => near(at, 120, 5 * 10 * 45)),
    );
  });

  test('when the window begins between the start of a sidecar and its first scrape', () => {
    const burst = evenly(100, 906, 911);
    const lives = [
      { instance: 'a', from: 905, phase: 4, fanout: 1, succeeded: burst },
      { instance: 'b', phase: 5, firsts: delivered(burst, 1) },
    ];
    evaluate(
      lives,
      1600,
      [1503, 1506, 1508, 1511, 1514, 1517, 1519, 1521, 1530].flatMap((at) => near(at, 0, 100)),
    );
  });

  test('when it is not known what became of some', () => {
    const burst = evenly(100, 900, 905);
    const lives = [
      { instance: 'a', fanout: 1, succeeded: burst.slice(20), unknown: burst.slice(0, 20) },
      { instance: 'b', firsts: delivered(burst, 1, (i) => i < 15) },
    ];
    evaluate(lives, 1500, [is(1000, UNDELIVERED, -5), is(1000, ERROR, 20)]);
  });

  test('over an hour as the docs say it: the error does not grow with the window', () => {
    const consumer = { instance: 'b', phase: 9, firsts: delivered(published, 3, lossy) };
    const hour = `avg_over_time(${UNDELIVERED}[40m]) * 4`;
    const edges =
      'avg_over_time(event:undelivered_edge:max30s[10m]) + avg_over_time(event:undelivered_edge:max30s[10m] offset 40m)';
    evaluate([publisher, consumer], 3600, [
      { at: 3590, expression: `sum by (topic, pipeline) (abs(${hour} - 480) <= bool (${edges}))` },
      { at: 3590, expression: `sum by (topic, pipeline) (abs(${hour} - 480) <= bool 24)` },
    ]);
  });
});

describe('nothing is made up', () => {
  test('without a fan-out there is no series', () => {
    const published = evenly(100, 900, 905);
    const lives = [
      { instance: 'a', succeeded: published, unknown: [900] },
      { instance: 'b', firsts: published.slice(50) },
    ];
    for (const name of [UNDELIVERED, ERROR, 'event:deliveries:increase10m', 'event:undelivered_edge:max30s']) {
      evaluate(lives, 1500, [{ at: 1000, expression: name }], []);
    }
  });

  test('a Prometheus that comes later than the sidecars does not take their past for the last 10 minutes', () => {
    const past = evenly(5000, -9000, -1);
    const lives = [
      { instance: 'a', fanout: 1, scrapedFrom: 300, succeeded: past },
      { instance: 'b', scrapedFrom: 300, phase: 7, firsts: past.slice(4000) },
    ];
    evaluate(
      lives,
      1500,
      [400, 900, 1200].map((at) => is(at, UNDELIVERED, 0)),
    );
  });
});

test('a claim that is not true is found out', () => {
  const published = evenly(10, 900, 905);
  const lives = [{ instance: 'a', fanout: 1, succeeded: published }];
  expect(() => evaluate(lives, 1500, [is(1000, UNDELIVERED, 9)])).toThrow('FAILED');
});
