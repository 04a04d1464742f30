import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { Metrics } from '../../testing/metrics.ts';
import { deliver, stamp } from '../../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';
import { type Entry, string } from '../../testing/wire.ts';
import { textOf } from '../metrics/rig.ts';

const SECOND = 1e6;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;

let rig: Rig;
let exposition: Exposition;
let detach: () => void;
beforeEach(() => {
  rig = createRig();
  exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  detach = exposition.attach(rig.cells);
  handshake(rig, { consume: { tag: 'c1', noAck: true } });
});
afterEach(() => {
  detach();
  rig.cells.close();
});

const scrape = async (): Promise<Metrics> => new Metrics(await textOf(exposition.render()));

/** Delivers one message with this header, in one piece or in two; what is counted since the start. */
async function delivered(header: Entry, inPieces: boolean): Promise<Metrics> {
  const bytes = deliver({ exchange: 'shop', routingKey: 'orders', body: 10, headers: [header] }, 'c1', 1);
  const half = inPieces ? bytes.length / 2 : bytes.length;
  rig.broker.receive(Buffer.from(bytes.subarray(0, half)));
  if (inPieces) rig.broker.receive(Buffer.from(bytes.subarray(half)));
  return scrape();
}

/** A stamp of so many microseconds ago. */
const ago = (micros: number): Entry => stamp(Math.round(rig.plane.clock.micros(rig.plane.clock.now()) - micros));

describe.each([
  ['in one piece', false],
  ['in two', true],
])('the stamp of a message that comes %s', (_, inPieces) => {
  test.each([SECOND, HOUR, DAY, 29 * DAY])('of %i us ago is believed: messages wait for days', async (micros) => {
    const metrics = await delivered(ago(micros), inPieces);
    expect(metrics.sum('event_latency_seconds_count')).toBe(1);
    expect(metrics.sum('event_latency_seconds_sum')).toBeGreaterThanOrEqual(micros / SECOND);
    expect(metrics.sum('tracehare_implausible_stamps_total')).toBe(0);
  });

  test.each([SECOND, 59 * 60 * SECOND])('of %i us ahead is a clock that is wrong: no latency', async (micros) => {
    const metrics = await delivered(ago(-micros), inPieces);
    expect(metrics.sum('event_latency_seconds_count')).toBe(0);
    expect(metrics.sum('tracehare_negative_latency_total')).toBe(1);
    expect(metrics.sum('tracehare_implausible_stamps_total')).toBe(0);
  });

  test.each([
    ['from 1970', 'past', () => stamp(0)],
    ['of 31 days ago', 'past', () => ago(31 * DAY)],
    ['of 61 minutes ahead', 'future', () => ago(-61 * 60 * SECOND)],
    ['that is the greatest number', 'future', () => stamp(Number.MAX_SAFE_INTEGER)],
    ['that is no number', 'unreadable', () => string('x-tracehare-sent', 'yesterday')],
  ])('%s makes no latency, and is counted as %s', async (_, reason, header) => {
    const metrics = await delivered(header(), inPieces);
    expect(metrics.sum('event_latency_seconds_count')).toBe(0);
    expect(metrics.value('tracehare_implausible_stamps_total', { reason })).toBe(1);
    expect(metrics.sum('tracehare_implausible_stamps_total')).toBe(1);
    expect(metrics.sum('tracehare_negative_latency_total')).toBe(0);
    expect(metrics.sum('tracehare_observer_failures_total')).toBe(0);
    expect(metrics.sum('event_first_deliveries_total')).toBe(1);
  });
});
