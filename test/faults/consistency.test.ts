import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { amqplib } from '../soak/clients.ts';
import { consume, Known, produce } from '../soak/work.ts';
import { type Site, startSite } from './site.ts';

/** `npm run consistency` runs it for two minutes. */
const SECONDS = Number(process.env.CONSISTENCY_SECONDS ?? 8);

const STRIKING = ['latency', 'drop', 'nack', 'duplicate', 'reorder', 'hold_settlements', 'partition'];

const config = `faults: { enabled: true }
rules:
  - match: { routingKey: ledger, side: publish }
    faults:
      - { type: latency, toxicity: 0.05, attributes: { latency: 30ms, jitter: 25ms } }
      - { type: drop, toxicity: 0.03 }
      - { type: nack, toxicity: 0.03 }
      - { type: duplicate, toxicity: 0.05 }
      - { type: reorder, toxicity: 0.05, attributes: { wait: 50ms } }
      - { type: reset, toxicity: 0.001 }
      - { type: close_connection, toxicity: 0.001 }
      - { type: close_channel, toxicity: 0.001 }
      - { type: partition, attributes: { every: 3s, lasting: 1s, existing: cut } }
  - match: { queue: ledger }
    faults:
      - { type: latency, toxicity: 0.02, attributes: { latency: 30ms, jitter: 25ms } }
      - { type: hold_settlements, toxicity: 0.02, attributes: { latency: 60ms, jitter: 50ms } }
      - { type: reset, toxicity: 0.001 }
      - { type: close_channel, toxicity: 0.001 }
`;

let site: Site;
beforeAll(async () => {
  site = await startSite(['ledger'], config);
});
afterAll(() => site?.stop());

test(
  'whatever breaks: no confirmed message is lost, and the figures agree with what the apps know',
  async () => {
    const known = new Known();
    const work = { client: amqplib, url: site.url, queue: 'ledger', known };
    const end = performance.now() + SECONDS * 1000;
    const over = () => performance.now() > end && struck;
    let struck = false;
    /** so that a slow machine does not end with a fault that never struck */
    const watching = until(
      async () => {
        const metrics = await site.sidecar.metrics();
        return STRIKING.every((type) => metrics.sum('tracehare_faults_injected_total', { type }) > 0);
      },
      'every fault has struck',
      60_000,
    ).finally(() => {
      struck = true;
    });
    let id = 0;
    const consumed = Promise.withResolvers<void>();
    const consuming = Promise.all([1, 2].map(() => consume(work, consumed.promise)));
    await Promise.all([watching, ...[1, 2, 3].map(() => produce(work, () => id++, over))]);
    await until(
      () => known.consumed.size === id,
      () => `all ${id} messages are consumed; ${known.consumed.size} are`,
      60_000,
    );
    expect(known.published.size).toBe(id);
    // what was consumed and came again because its ack did not arrive
    await until(
      async () => {
        const metrics = await site.sidecar.metrics();
        const labels = { topic: 'ledger', side: 'consume', status: 'success' };
        return (
          metrics.sum('event_throughput_total', labels) >= id && metrics.sum('tracehare_unsettled_deliveries') === 0
        );
      },
      'all of them are settled',
      60_000,
    );
    consumed.resolve();
    await consuming;

    const metrics = await until(async () => {
      const now = await site.sidecar.metrics();
      return now.sum('tracehare_connections') === 0 && now;
    }, 'no connection is left');
    const of = (name: string, labels: Record<string, string> = {}) => metrics.sum(name, { topic: 'ledger', ...labels });
    const success = of('event_throughput_total', { side: 'publish', status: 'success' });
    const failed = of('event_throughput_total', { side: 'publish', status: 'failed' });
    const unknown = of('event_unknown_total', { side: 'publish' });
    // an attempt that got no answer may have ended in any way, or never have come
    expect(success).toBeGreaterThanOrEqual(known.acked);
    expect(failed).toBeGreaterThanOrEqual(known.nacked);
    expect(success + failed + unknown).toBeGreaterThanOrEqual(known.acked + known.nacked);
    expect(success + failed + unknown).toBeLessThanOrEqual(known.attempts);
    expect(of('event_lost_total', { side: 'publish' })).toBe(failed);
    expect(of('event_lost_total', { side: 'publish', reason: 'fault' })).toBe(failed);

    const settled = of('event_throughput_total', { side: 'consume', status: 'success' });
    const delivered = metrics.sum('messaging_client_consumed_messages_total', {
      messaging_destination_template: 'ledger',
    });
    const requeued = of('event_requeued_total');
    expect(settled).toBeLessThanOrEqual(known.settled);
    expect(settled).toBeGreaterThanOrEqual(id);
    expect(settled + requeued).toBeGreaterThanOrEqual(known.delivered);
    expect(delivered).toBe(settled + requeued);

    expect(known.broken).toBeGreaterThan(0);
    // whatever a fault does, the broker is told nothing that the protocol forbids
    expect(metrics.sum('tracehare_connections_closed_total', { by: 'broker' })).toBe(0);
    for (const figure of ['unsettled_deliveries', 'channels', 'unobserved_total', 'observer_failures_total'])
      expect(metrics.sum(`tracehare_${figure}`), figure).toBe(0);
  },
  SECONDS * 1000 + 200_000,
);
