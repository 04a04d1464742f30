import { expect } from 'vitest';
import { openDescriptors, rss } from '../../testing/proc.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { amqplib, type Client } from '../soak/clients.ts';
import { consume, Known, produce, type Work } from '../soak/work.ts';

/** A producer under confirms and a consumer, which come back however often they are cut off. */
export interface Load {
  known: Known;
  /** Resolves when `count` more messages have been confirmed. */
  flows(count?: number): Promise<void>;
  /** No more is published; resolves when all that was confirmed has been consumed and settled, and the apps have left. */
  end(sidecar: () => Tracehare): Promise<void>;
}

/** ms between two batches: what goes wrong counts here, not how much passes */
const PAUSE = 50;
const PATIENCE = 180_000;

export function startLoad(url: string, queue: string, client: Client = amqplib): Load {
  const known = new Known();
  const work: Work = { client, url, queue, known };
  let id = 0;
  let isOver = false;
  const consumed = Promise.withResolvers<void>();
  const producing = produce(
    work,
    () => id++,
    () => isOver,
    PAUSE,
  );
  const consuming = consume(work, consumed.promise);
  return {
    known,
    async flows(count = 50) {
      const before = known.acked;
      await until(
        () => known.acked >= before + count,
        () => `${count} more are confirmed; ${known.acked - before} are`,
        PATIENCE,
      );
    },
    async end(sidecar) {
      isOver = true;
      await producing;
      await until(
        async () => known.missing === 0 && (await sidecar().metrics()).sum('tracehare_unsettled_deliveries') === 0,
        () => `all is consumed and settled; ${known.missing} are missing`,
        PATIENCE,
      );
      consumed.resolve();
      await consuming;
      await until(async () => (await sidecar().metrics()).sum('tracehare_connections') === 0, 'the apps have left');
    },
  };
}

/** The sum of all that has this name and these labels, in Prometheus' words. */
export type Figures = (name: string, labels: Record<string, string>) => number;

/** Holds a sidecar that was there all the time against what the apps know, and nothing of them may be left in it. */
export async function expectTrue(sidecar: Tracehare, queue: string, known: Known): Promise<void> {
  const metrics = await sidecar.metrics();
  expectFigures((name, labels) => metrics.sum(name, labels), queue, known);
  for (const figure of ['unsettled_deliveries', 'channels', 'observer_failures_total'])
    expect(metrics.sum(`tracehare_${figure}`), figure).toBe(0);
}

export function expectFigures(figures: Figures, queue: string, known: Known): void {
  const of = (name: string, labels: Record<string, string> = {}) => figures(name, { topic: queue, ...labels });
  const success = of('event_throughput_total', { side: 'publish', status: 'success' });
  const failed = of('event_throughput_total', { side: 'publish', status: 'failed' });
  const unknown = of('event_unknown_total', { side: 'publish' });
  const settled = of('event_throughput_total', { side: 'consume', status: 'success' });
  const requeued = of('event_requeued_total');
  const unsure = of('event_unknown_total', { side: 'consume' });
  const delivered = figures('messaging_client_consumed_messages_total', { messaging_destination_template: queue });
  expect(known.missing, 'what the broker acknowledged and nobody got').toBe(0);
  expect(known.stuck, 'publishes that the client has left without an answer').toBe(0);
  expect(failed).toBe(known.nacked);
  expect(delivered).toBe(settled + requeued + unsure);
  if (known.broken === 0) {
    // nothing was on its way when something ended: app and sidecar have seen the same
    expect({ success, unknown, settled, requeued, unsure }).toEqual({
      success: known.acked,
      unknown: 0,
      settled: known.settled,
      requeued: 0,
      unsure: 0,
    });
    return;
  }
  expect(success).toBeGreaterThanOrEqual(known.acked);
  expect(success + failed + unknown).toBeLessThanOrEqual(known.attempts);
  expect(settled).toBeLessThanOrEqual(known.settled);
  expect(settled).toBeGreaterThanOrEqual(known.published.size);
}

/** What a sidecar takes: taken before the load, and asked again when it has gone. */
export interface Footprint {
  expectBack(): Promise<void>;
}

/** Of a process that has not settled yet: its heaps take what they need for the traffic, but no more. */
const MEMORY_ALLOWED = 80;
const DESCRIPTORS_ALLOWED = 6;

export function footprint({ pid }: Tracehare): Footprint {
  const [memory, descriptors] = [rss(pid), openDescriptors(pid)];
  return {
    async expectBack() {
      await until(
        () => openDescriptors(pid) <= descriptors + DESCRIPTORS_ALLOWED,
        () => `descriptors return: ${openDescriptors(pid)}, before ${descriptors}`,
      );
      expect(rss(pid) - memory).toBeLessThan(MEMORY_ALLOWED);
    },
  };
}
