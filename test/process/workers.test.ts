import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { type ChannelModel, connect } from 'amqplib';
import { expect, test } from 'vitest';
import type { Metrics } from '../../testing/metrics.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { tracehare } from '../cli/built.ts';
import { idle, type Rig, startRig } from './rig.ts';

const DEBUG = 'log: { level: debug }\n';
/** Every trace is sampled, however fast the machine is: each topic has its exemplar. */
const ALL_SAMPLED = 'tracing: { maxTracesPerSecond: 1000000 }\n';

/** How many connections each traffic thread has had, so far as the log tells. */
function spread({ log }: Tracehare, threads: number): number[] {
  const counts = Array<number>(threads).fill(0);
  for (const line of log) if (line.msg === 'connected') counts[Number(line.connection) % threads]++;
  return counts;
}

/** One connection on each of two traffic threads; more are opened and closed until there are. */
async function onEach(rig: Rig): Promise<ChannelModel[]> {
  const found: ChannelModel[] = [];
  for (let tries = 0; found[0] === undefined || found[1] === undefined; tries++) {
    expect(tries).toBeLessThan(100);
    const connected = rig.sidecar.log.filter(({ msg }) => msg === 'connected').length;
    const app = await rig.app();
    const line = await until(() => rig.sidecar.log.filter(({ msg }) => msg === 'connected')[connected], 'it is logged');
    const thread = Number(line.connection) % 2;
    if (found[thread] === undefined) found[thread] = app;
    else await app.close();
  }
  return found;
}

const CONNECTIONS = 12;
const MESSAGES = 20;

/** The same traffic every time: what each connection does is known to the message. */
async function traffic(rig: Rig): Promise<void> {
  const aside = await (await rig.aside()).createChannel();
  for (let i = 0; i < CONNECTIONS; i++) await aside.assertQueue(`work-${i % 3}`);
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => one(rig, `work-${i % 3}`)));
}

async function one(rig: Rig, queue: string): Promise<void> {
  const app = await rig.app();
  const channel = await app.createConfirmChannel();
  for (let n = 0; n < MESSAGES; n++) channel.sendToQueue(queue, Buffer.from('routable'));
  channel.publish('', 'nowhere', Buffer.from('unroutable'), { mandatory: true });
  await channel.waitForConfirms();
  const consumer = await app.createChannel();
  for (let n = 0; n < MESSAGES; n++) {
    const message = await consumer.get(queue);
    if (message === false) throw new Error(`${queue} is empty`);
    if (n === 0) consumer.reject(message, false);
    else consumer.ack(message);
  }
  await consumer.checkQueue(queue);
  await app.close();
}

/** Counts that are the same for the same traffic: of messages, connections and bodies, not of time. */
function counts(metrics: Metrics): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, labels, value } of metrics.samples) {
    const counted =
      /^(event_|messaging_).*(_total|_count)$/.test(name) || /^tracehare_(connections|channels)/.test(name);
    const { pipeline: _, ...rest } = labels;
    if (counted && value !== 0) found[`${name} ${JSON.stringify(rest)}`] = value;
  }
  return found;
}

test('two workers share the connections out, and show what one shows: the truth', async () => {
  const shown: Record<string, number>[] = [];
  for (const workers of [1, 2]) {
    const rig = await startRig({ args: ['--workers', String(workers)], config: DEBUG + ALL_SAMPLED });
    await traffic(rig);
    await idle(rig.sidecar);
    const closed = () => rig.sidecar.log.filter(({ msg }) => msg === 'connection closed').length;
    await until(() => closed() === CONNECTIONS, 'all events have been read');
    expect(spread(rig.sidecar, workers).every((count) => count > 0)).toBe(true);

    const metrics = await rig.sidecar.metrics();
    shown.push(counts(metrics));
    const sum = (name: string, labels = {}) => metrics.sum(name, labels);
    const of = { topic: 'work-0' };
    const each = (CONNECTIONS / 3) * MESSAGES;
    expect(sum('event_throughput_total', { side: 'publish', status: 'success', ...of })).toBe(each);
    expect(sum('event_throughput_total', { side: 'consume', status: 'success', ...of })).toBe(each - CONNECTIONS / 3);
    expect(sum('event_lost_total', { side: 'consume', reason: 'rejected' })).toBe(CONNECTIONS);
    expect(sum('event_lost_total', { side: 'publish', reason: 'unroutable' })).toBe(CONNECTIONS);
    expect(sum('event_confirm_seconds_count')).toBe(CONNECTIONS * (MESSAGES + 1));
    expect(sum('event_latency_seconds_count')).toBe(CONNECTIONS * MESSAGES);
    expect(sum('tracehare_connections_closed_total', { by: 'app', code: '200' })).toBe(CONNECTIONS);
    expect(metrics.value('event_loss_rate', { topic: 'nowhere', side: 'publish' })).toBe(1);

    const { losses } = (await (await rig.sidecar.admin('/api/losses?limit=1000')).json()) as {
      losses: { reason: string; connection: number }[];
    };
    expect(losses.filter(({ reason }) => reason === 'unroutable')).toHaveLength(CONNECTIONS);
    expect(losses.filter(({ reason }) => reason === 'rejected')).toHaveLength(CONNECTIONS);
    const openMetrics = await rig.sidecar.admin('/metrics', { accept: 'application/openmetrics-text; version=1.0.0' });
    for (const topic of ['work-0', 'work-1', 'work-2']) {
      expect(await openMetrics.clone().text()).toMatch(
        new RegExp(`event_latency_seconds_bucket{[^}]*topic="${topic}"[^}]*} \\d+ # {[^}]*trace_id="[0-9a-f]{32}"`),
      );
    }
  }
  expect(shown[1]).toEqual(shown[0]);
});

test('metrics.maxTopics holds over both workers, and no count is lost', async () => {
  const rig = await startRig({
    args: ['--workers', '2', '--loss', 'off'],
    config: `${DEBUG}metrics: { maxTopics: 10 }`,
  });
  const apps = await onEach(rig);
  for (const [worker, app] of apps.entries()) {
    const channel = await app.createConfirmChannel();
    for (let i = 0; i < 8; i++) channel.publish('', `topic-of-${'ab'[worker]}-${'klmnopqr'[i]}`, Buffer.from('x'));
    await channel.waitForConfirms();
  }
  const topics = (metrics: Metrics) =>
    new Set(metrics.matching('event_throughput_total').map(({ labels }) => labels.topic));
  const metrics = await rig.sidecar.metrics();
  expect(metrics.sum('event_throughput_total')).toBe(16);
  const shown = topics(metrics);
  expect(shown).toContain('__overflow__');
  expect(shown.size).toBe(11);
  expect(metrics.sum('tracehare_label_values_folded_total', { label: 'topic' })).toBeGreaterThan(0);
});

test('a queue that one worker has seen to dead-letter is known to the other', async () => {
  const rig = await startRig({ args: ['--workers', '2'], config: DEBUG });
  const [declaring, rejecting] = await onEach(rig);
  const channel = await declaring.createConfirmChannel();
  await channel.assertQueue('dead');
  await channel.assertQueue('letters', { deadLetterExchange: '', deadLetterRoutingKey: 'dead' });
  await channel.assertQueue('none');
  for (const queue of ['letters', 'none']) channel.sendToQueue(queue, Buffer.from('rejected'));
  await channel.waitForConfirms();
  const consumer = await rejecting.createChannel();
  for (const queue of ['letters', 'none']) {
    const message = await consumer.get(queue);
    if (message === false) throw new Error('nothing came');
    consumer.reject(message, false);
  }
  await consumer.checkQueue('none');
  const metrics = await rig.sidecar.metrics();
  const failed = { side: 'consume', status: 'failed' };
  for (const topic of ['letters', 'none']) expect(metrics.sum('event_throughput_total', { topic, ...failed })).toBe(1);
  expect(metrics.matching('event_lost_total').map(({ labels, value }) => [labels.topic, labels.reason, value])).toEqual(
    [['none', 'rejected', 1]],
  );
});

test('a port that another one listens on is an error, also if that one shares it among workers', async () => {
  const { sidecar, vhost } = await startRig({ args: ['--workers', '2'] });
  for (const port of [vhost.port, sidecar.port]) {
    const { code, stderr } = await tracehare([
      `--listen=127.0.0.1:${port}`,
      '--admin=127.0.0.1:0',
      '--workers=2',
      '--log-level=error',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`--listen 127.0.0.1:${port}: address already in use`);
  }
});

test('SIGTERM drains both, SIGUSR2 makes pipes on both', async () => {
  const rig = await startRig({ args: ['--workers', '2', '--drain-timeout', '0s'], config: DEBUG });
  const apps = await onEach(rig);
  const closing = apps.map((app) => once(app, 'close'));
  rig.sidecar.signal('SIGUSR2');
  await until(() => rig.sidecar.log.some(({ msg }) => msg.startsWith('bypass')), 'bypass is on');
  const pipes = await onEach(rig);
  expect(
    (await rig.sidecar.metrics()).sum('tracehare_bypassed_connections_total', { reason: 'bypass' }),
  ).toBeGreaterThan(1);
  for (const pipe of pipes) closing.push(new Promise((resolve) => pipe.once('close', () => resolve([undefined]))));
  rig.sidecar.signal('SIGTERM');
  const [first, second] = await Promise.all(closing);
  expect([first[0], second[0]]).toEqual([
    expect.objectContaining({ code: 320 }),
    expect.objectContaining({ code: 320 }),
  ]);
  expect(await rig.sidecar.ended()).toBe(0);
});

test('--workers auto: one for each processor', async () => {
  const rig = await startRig({ args: ['--workers', 'auto'], config: DEBUG });
  const threads = availableParallelism();
  for (let tries = 0; spread(rig.sidecar, threads).some((count) => count === 0); tries++) {
    expect(tries).toBeLessThan(50 * threads);
    await (await connect(rig.vhost.url(rig.sidecar.port))).close();
  }
});
