import { describe, expect, test } from 'vitest';
import { rig } from './rig.ts';

const ORDERS = { topic: 'orders', pipeline: '/' };

describe('publishes', () => {
  test('count as success or failed once, and as lost beside failed', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.publishes('orders', '/');
    for (let i = 0; i < 5; i++) tally.passed(100);
    tally.succeeded(0.001);
    tally.succeeded(0.001);
    tally.lost('nacked', 0.2);
    tally.lost('unroutable', 0.2);
    tally.unknown('connection_lost');
    const metrics = await scrape();
    const published = { ...ORDERS, side: 'publish' };
    expect(metrics.value('event_throughput_total', { ...published, status: 'success' })).toBe(2);
    expect(metrics.value('event_throughput_total', { ...published, status: 'failed' })).toBe(2);
    expect(metrics.value('event_lost_total', { ...published, reason: 'nacked' })).toBe(1);
    expect(metrics.value('event_lost_total', { ...published, reason: 'unroutable' })).toBe(1);
    expect(metrics.value('event_unknown_total', { ...published, reason: 'connection_lost' })).toBe(1);
    expect(metrics.value('event_bytes_total', published)).toBe(500);
  });

  test('that come back after counting as success are lost without a second outcome', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.publishes('orders', '/');
    tally.succeeded(1);
    tally.lost('unroutable', 1);
    tally.lostLate('unroutable');
    const metrics = await scrape();
    expect(metrics.sum('event_throughput_total')).toBe(2);
    expect(metrics.value('event_lost_total', { reason: 'unroutable' })).toBe(2);
    expect(metrics.sum('messaging_client_sent_messages_total')).toBe(2);
  });

  test('that no queue took, where that is expected, are no outcome and no loss, but were sent', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.publishes('orders', '/');
    tally.unroutedAsExpected();
    tally.unroutedAsExpected();
    const metrics = await scrape();
    expect(metrics.value('event_unrouted_expected_total', ORDERS)).toBe(2);
    for (const name of ['event_throughput_total', 'event_lost_total', 'event_loss_rate', 'event_unknown_total']) {
      expect(metrics.matching(name)).toEqual([]);
    }
    const [sent] = metrics.matching('messaging_client_sent_messages_total');
    expect(sent.value).toBe(2);
    expect(sent.labels).not.toHaveProperty('error_type');
  });

  test('show success and failed together from the first outcome, and nothing before', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.publishes('orders', '/');
    expect((await scrape()).matching('event_throughput_total')).toEqual([]);
    tally.succeeded(0);
    expect((await scrape()).value('event_throughput_total', { status: 'failed' })).toBe(0);
    expect((await scrape()).matching('event_lost_total')).toEqual([]);
  });

  test('have confirm times in cumulative buckets, upper bounds included', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.publishes('orders', '/');
    for (const seconds of [0.02, 0.021, 0.2, 7]) tally.confirmed(seconds);
    const metrics = await scrape();
    const bucket = (le: string) => metrics.value('event_confirm_seconds_bucket', { ...ORDERS, le });
    expect([bucket('0.02'), bucket('0.2'), bucket('+Inf')]).toEqual([1, 3, 4]);
    expect(metrics.value('event_confirm_seconds_count', ORDERS)).toBe(4);
    expect(metrics.value('event_confirm_seconds_sum', ORDERS)).toBeCloseTo(7.241);
  });
});

describe('deliveries', () => {
  test('count their outcomes; dead-lettered failures are no losses, requeues are no outcome', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.deliveries('orders', '/', 'billing');
    for (let i = 0; i < 4; i++) tally.passed(10, i === 3, false);
    tally.succeeded(0.02, false);
    tally.failed('rejected', 0.02, true);
    tally.failed('rejected', 0.02, false);
    tally.requeued('nack');
    tally.unknown('channel_error');
    tally.first(0.5);
    const metrics = await scrape();
    const consumed = { ...ORDERS, side: 'consume' };
    expect(metrics.value('event_throughput_total', { ...consumed, status: 'success' })).toBe(1);
    expect(metrics.value('event_throughput_total', { ...consumed, status: 'failed' })).toBe(2);
    expect(metrics.value('event_lost_total', { ...consumed, reason: 'rejected' })).toBe(1);
    expect(metrics.value('event_unknown_total', { ...consumed, reason: 'channel_error' })).toBe(1);
    expect(metrics.value('event_requeued_total', { ...ORDERS, reason: 'nack' })).toBe(1);
    expect(metrics.value('event_redelivered_total', ORDERS)).toBe(1);
    expect(metrics.value('event_bytes_total', consumed)).toBe(40);
    expect(metrics.value('event_latency_seconds_bucket', { ...ORDERS, le: '1' })).toBe(1);
    expect(metrics.value('event_latency_seconds_bucket', { ...ORDERS, le: '0.1' })).toBe(0);
  });

  test('that are first count with or without a latency', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.deliveries('orders', '/', 'billing');
    tally.first(Number.NaN);
    expect((await scrape()).matching('event_latency_seconds_count')).toEqual([]);
    tally.first(0.5);
    recorder.deliveries('orders', '/', 'shipping').first(0.5);
    const metrics = await scrape();
    expect(metrics.value('event_first_deliveries_total', ORDERS)).toBe(3);
    expect(metrics.value('event_latency_seconds_count', ORDERS)).toBe(2);
    expect(metrics.value('event_latency_seconds_sum', ORDERS)).toBe(1);
  });

  test('under automatic acknowledgement have no processing time', async () => {
    const { recorder, scrape } = rig();
    recorder.deliveries('orders', '/', 'billing').succeeded(0, true);
    expect((await scrape()).matching('event_processing_seconds_count')).toEqual([]);
    recorder.deliveries('orders', '/', 'billing').succeeded(0.5, false);
    recorder.deliveries('orders', '/', 'billing').failed('rejected', 0.5, true);
    expect((await scrape()).value('event_processing_seconds_count', { ...ORDERS, queue: 'billing' })).toBe(2);
  });

  test('lost under automatic acknowledgement have none either', async () => {
    const { recorder, scrape } = rig();
    recorder.deliveries('orders', '/', 'billing').failed('autoack_undelivered', Number.NaN, true);
    const metrics = await scrape();
    expect(metrics.value('event_throughput_total', { side: 'consume', status: 'failed' })).toBe(1);
    expect(metrics.value('event_lost_total', { side: 'consume', reason: 'autoack_undelivered' })).toBe(1);
    expect(metrics.matching('event_processing_seconds_count')).toEqual([]);
  });

  test('of several queues add up by topic, and stay apart where the queue is a label', async () => {
    const { recorder, scrape } = rig();
    for (const queue of ['billing', 'shipping']) {
      const tally = recorder.deliveries('orders', '/', queue);
      tally.unsettled(3);
      tally.unsettled(-1);
      tally.succeeded(0.001, false);
      tally.first(0.001);
    }
    const metrics = await scrape();
    expect(metrics.value('event_throughput_total', { side: 'consume', status: 'success' })).toBe(2);
    expect(metrics.value('event_latency_seconds_count')).toBe(2);
    expect(metrics.value('tracehare_unsettled_deliveries', { queue: 'billing' })).toBe(2);
    expect(metrics.value('event_processing_seconds_count', { queue: 'shipping' })).toBe(1);
  });

  test('out of dead-letter queues count by queue and reason; reasons nobody defined share one value', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.deliveries('orders', '/', 'dead');
    tally.deadLettered('billing', 'rejected');
    tally.deadLettered('billing', 'rejected');
    tally.deadLettered('amq.gen-JzTY20BRgKO-HjmUJj0wLg', 'expired');
    tally.deadLettered('billing', 'forged by a client');
    const metrics = await scrape();
    const dead = (queue: string, reason: string) =>
      metrics.value('event_dead_lettered_total', { ...ORDERS, queue, reason });
    expect([dead('billing', 'rejected'), dead('amq.gen-*', 'expired'), dead('billing', 'other')]).toEqual([2, 1, 1]);
  });
});

describe("OpenTelemetry's names", () => {
  test('tell the same facts, with error_type on failures only', async () => {
    const { recorder, scrape } = rig({ server: { address: 'broker', port: 5672 } });
    const publishes = recorder.publishes('orders', '/');
    publishes.succeeded(0.06);
    publishes.lost('nacked', 0.06);
    publishes.unknown('connection_lost');
    const deliveries = recorder.deliveries('orders', '/', 'billing');
    deliveries.passed(10, false, false);
    deliveries.passed(10, false, false);
    deliveries.passed(10, false, true);
    deliveries.succeeded(0.06, false);
    deliveries.failed('rejected', 0.06, true);
    const metrics = await scrape();
    const common = {
      messaging_system: 'rabbitmq',
      messaging_destination_template: 'orders',
      server_address: 'broker',
      server_port: '5672',
    };
    const sent = { ...common, messaging_operation_name: 'publish', messaging_operation_type: 'send' };
    const received = { ...common, messaging_operation_name: 'receive', messaging_operation_type: 'receive' };
    const processed = { ...common, messaging_operation_name: 'process', messaging_operation_type: 'process' };
    const labels = (name: string) => metrics.matching(name).map((sample) => [sample.labels, sample.value]);
    expect(labels('messaging_client_sent_messages_total')).toEqual([
      [sent, 1],
      [{ ...sent, error_type: 'nacked' }, 1],
      [{ ...sent, error_type: 'connection_lost' }, 1],
    ]);
    expect(labels('messaging_client_operation_duration_seconds_count')).toEqual([
      [sent, 1],
      [{ ...sent, error_type: 'nacked' }, 1],
    ]);
    expect(labels('messaging_client_consumed_messages_total')).toEqual([
      [processed, 2],
      [received, 1],
    ]);
    expect(labels('messaging_process_duration_seconds_count')).toEqual([
      [processed, 1],
      [{ ...processed, error_type: 'rejected' }, 1],
    ]);
  });

  test('and ours have bounds of their own over the same observations', async () => {
    const { recorder, scrape } = rig();
    const tally = recorder.deliveries('orders', '/', 'billing');
    for (const seconds of [0.007, 0.03, 0.3, 20]) tally.succeeded(seconds, false);
    const metrics = await scrape();
    const counts = (name: string) => Object.fromEntries(metrics.matching(name).map((s) => [s.labels.le, s.value]));
    expect(counts('event_processing_seconds_bucket')).toEqual({ '0.01': 1, '0.05': 2, '60': 4, '+Inf': 4 });
    expect(counts('messaging_process_duration_seconds_bucket')).toEqual({
      ...{ '0.005': 0, '0.01': 1, '0.025': 1, '0.05': 2, '0.075': 2, '0.1': 2, '0.25': 2, '0.5': 3 },
      ...{ '0.75': 3, '1': 3, '2.5': 3, '5': 3, '7.5': 3, '10': 3, '+Inf': 4 },
    });
  });

  test('are gone when switched off', async () => {
    const { recorder, scrape } = rig({ openTelemetryNames: false });
    recorder.publishes('orders', '/').succeeded(0.06);
    recorder.deliveries('orders', '/', 'billing').succeeded(0.03, false);
    const metrics = await scrape();
    expect(metrics.text).not.toContain('messaging_');
    expect(metrics.value('event_processing_seconds_bucket', { le: '0.05' })).toBe(1);
  });
});

describe('the sidecar itself', () => {
  test('counts every kind of thing that can happen to it', async () => {
    const { recorder, scrape } = rig();
    const { traffic } = recorder;
    traffic.connections(1);
    traffic.connections(1);
    traffic.connections(-1);
    traffic.channels(5);
    traffic.bypassed('bypass');
    traffic.connectionClosed('app', 200);
    traffic.connectionClosed('broker', 320);
    traffic.connectionClosed('app', 12345);
    traffic.connectionRefused('limit');
    traffic.bytes('upstream', 1000);
    traffic.added('downstream', 0.00003);
    traffic.blocked(1.5);
    traffic.blocked(0.25);
    traffic.unobserved('frame_max');
    traffic.observerFailed();
    traffic.negativeLatency(0.5, 1000);
    traffic.implausibleStamp('past');
    traffic.clockReanchored();
    traffic.shadowConflict();
    const metrics = await scrape();
    const value = (name: string, labels = {}) => metrics.value(`tracehare_${name}`, labels);
    expect(value('connections')).toBe(1);
    expect(value('channels')).toBe(5);
    expect(value('bypassed_connections_total', { reason: 'bypass' })).toBe(1);
    expect(value('connections_closed_total', { by: 'app', code: '200' })).toBe(1);
    expect(value('connections_closed_total', { by: 'broker', code: '320' })).toBe(1);
    expect(value('connections_closed_total', { by: 'app', code: 'other' })).toBe(1);
    expect(value('connections_refused_total', { reason: 'limit' })).toBe(1);
    expect(value('relay_bytes_total', { direction: 'upstream' })).toBe(1000);
    expect(value('relay_bytes_total', { direction: 'downstream' })).toBe(0);
    expect(value('added_latency_seconds_bucket', { direction: 'downstream', le: '0.00005' })).toBe(1);
    expect(value('added_latency_seconds_bucket', { direction: 'downstream', le: '0.00002' })).toBe(0);
    expect(value('blocked_seconds_total')).toBe(1.75);
    expect(value('unobserved_total', { reason: 'frame_max' })).toBe(1);
    expect(value('observer_failures_total')).toBe(1);
    expect(value('negative_latency_total')).toBe(1);
    expect(value('implausible_stamps_total', { reason: 'past' })).toBe(1);
    expect(value('clock_reanchored_total')).toBe(1);
    expect(value('shadow_conflicts_total')).toBe(1);
    expect(value('build_info', { version: '1.2.3', node_version: process.version })).toBe(1);
  });

  test('tells the worst negative latency of the last minute, over all threads', async () => {
    const { recorder, thread, scrape } = rig();
    const worst = async () => (await scrape()).value('tracehare_negative_latency_worst_seconds');
    const other = thread().recorder;
    const at = async (second: number) => {
      for (const each of [recorder, other]) each.advance(second * 1000);
      return worst();
    };
    expect(await at(100)).toBe(0);
    recorder.traffic.negativeLatency(0.002, 100_500);
    recorder.traffic.negativeLatency(0.001, 101_500);
    expect(await at(102)).toBe(0.002);
    other.traffic.negativeLatency(0.005, 130_000);
    expect(await at(159)).toBe(0.005);
    // the second in which the first one came is a minute ago, but not that of the other thread's
    expect(await at(189)).toBe(0.005);
    expect(await at(190)).toBe(0);
    recorder.traffic.negativeLatency(0.003, 5_000_000);
    expect(await at(5000)).toBe(0.003);
    expect(await at(50_000)).toBe(0);
  });

  test('shows an upstream as it was last told to be', async () => {
    const { recorder, scrape } = rig();
    const up = async () => (await scrape()).value('tracehare_upstream_up', { upstream: 'broker:5672' });
    expect(await up()).toBeUndefined();
    recorder.traffic.upstreamUp('broker:5672', true);
    expect(await up()).toBe(1);
    recorder.traffic.upstreamUp('broker:5672', false);
    expect(await up()).toBe(0);
  });
});
