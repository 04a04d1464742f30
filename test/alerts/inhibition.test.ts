import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import {
  type Alertmanager,
  startAlertmanager,
  startWebhookReceiver,
  type WebhookReceiver,
} from '../../testing/alertmanager.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { shortened } from '../../testing/observed-traffic.ts';
import { freePort } from '../../testing/ports.ts';
import { type Prometheus, startPrometheus } from '../../testing/prometheus.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { alerts, prometheusFolder, textOf } from './rule-files.ts';

// A real broker behind a port that can be closed, a real sidecar, Prometheus with the rules (shortened),
// Alertmanager with its configuration (receivers filled in, faster). What follows from the broker is posted
// to Alertmanager as the rules would raise it.

/** The broker, as long as it is open. */
interface Front {
  open(): Promise<void>;
  close(): Promise<void>;
}

let vhost: Vhost;
let front: Front;
let sidecar: Tracehare;
let prometheus: Prometheus;
let alertmanager: Alertmanager;
let receiver: WebhookReceiver;
const folder = temporaryFolder('inhibition');
const over = new AbortController();
let app: Promise<void>;

beforeAll(async () => {
  vhost = await createVhost();
  const port = await freePort();
  front = frontOf(vhost.port, port);
  await front.open();
  sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${port}`, args: ['--pipeline', 'shop'] });
  receiver = await startWebhookReceiver();
  alertmanager = await startAlertmanager(withReceiver(receiver.url));
  const rules = ['broker.yml'].map((file) => {
    const path = join(folder.path, file);
    writeFileSync(path, shortened(textOf(file)));
    return path;
  });
  prometheus = await startPrometheus({
    targets: [`127.0.0.1:${sidecar.adminPort}`],
    scrapeInterval: 500,
    rules,
    alertmanager: alertmanager.address,
  });
  app = publishAlways();
});
afterAll(async () => {
  over.abort();
  await app;
  await prometheus?.stop();
  await alertmanager?.stop();
  await receiver?.close();
  await sidecar?.kill();
  await front?.close();
  await vhost?.remove();
  folder.remove();
});

function frontOf(target: number, port: number): Front {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  return {
    open() {
      server = createServer((downstream) => {
        const upstream = connectSocket(target, '127.0.0.1');
        for (const [from, to] of [
          [downstream, upstream],
          [upstream, downstream],
        ]) {
          sockets.add(from);
          from.on('error', () => {});
          from.once('close', () => to.destroy());
          from.pipe(to);
        }
      });
      return new Promise((resolve) => server?.listen(port, '127.0.0.1', resolve));
    },
    async close() {
      const closed = new Promise((resolve) => server?.close(resolve));
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await closed;
    },
  };
}

/** alertmanager.yml with this webhook as every receiver, and groups that are sent at once. */
function withReceiver(url: string): string {
  const config = parse(readFileSync(`${prometheusFolder}alertmanager.yml`, 'utf8'));
  for (const each of config.receivers) each.webhook_configs = [{ url }];
  Object.assign(config.route, { group_wait: '500ms', group_interval: '1s' });
  return JSON.stringify(config); // JSON is YAML
}

/** An app as they are: it connects anew when its connection ends. */
async function publishAlways(): Promise<void> {
  while (!over.signal.aborted) {
    try {
      const connection = await connect(vhost.url(sidecar.port));
      let open = true;
      connection.on('error', () => {});
      connection.once('close', () => {
        open = false;
      });
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      await channel.assertQueue('orders', { maxLength: 10 });
      while (open && !over.signal.aborted) {
        channel.sendToQueue('orders', Buffer.from('order'));
        await sleep(50);
      }
      if (open) await connection.close();
    } catch {
      await sleep(100);
    }
  }
}

/** Labels of every alert that follows from a broker that is down, in this pipeline. */
function following(pipeline: string): Record<string, string>[] {
  return alerts
    .filter(({ labels }) => labels?.follows === 'broker')
    .map(({ alert, labels }) => ({
      alertname: alert,
      ...labels,
      pipeline,
      // one topic each, so that no alert is silenced by another of the same topic
      topic: `${alert} ${labels?.severity}`,
      side: 'publish',
    }));
}

const received = (pipeline: string) => [
  ...new Set(
    receiver.firing.filter((labels) => labels.pipeline === pipeline).map(({ topic, alertname }) => topic ?? alertname),
  ),
];
const topics = (pipeline: string) => following(pipeline).map(({ topic }) => topic);

test('of a broker that is down only TracehareBrokerDown is sent, and what follows comes once it is back', async () => {
  await until(
    async () => (await prometheus.query('instance_pipeline:event_throughput:group{pipeline="shop"}')).length === 1,
    'the sidecar is known to serve the pipeline',
    60_000,
  );
  expect(topics('shop').length).toBeGreaterThan(8);
  expect(await prometheus.query('ALERTS')).toEqual([]);

  await front.close();
  await until(() => received('shop').length > 0, 'an alert is sent', 60_000);
  expect(received('shop')).toEqual(['TracehareBrokerDown']);
  await until(
    async () => (await alertmanager.alerts()).some(({ labels }) => labels.alertname === 'TracehareUpstreamDown'),
    'Prometheus raises TracehareUpstreamDown as well',
    60_000,
  );

  await alertmanager.post([...following('shop'), ...following('other')]);
  await until(() => received('other').length === topics('other').length, 'the other pipeline hears of all its alerts');
  expect(received('other').toSorted()).toEqual(topics('other').toSorted());
  expect(received('shop')).toEqual(['TracehareBrokerDown']);

  const listed = (await alertmanager.alerts()).filter(({ labels }) => labels.pipeline === 'shop');
  const root = listed.find(({ labels }) => labels.alertname === 'TracehareBrokerDown');
  const silent = listed.filter((alert) => alert !== root);
  expect(silent).toHaveLength(topics('shop').length + 1);
  for (const { labels, status } of silent) {
    expect(status, labels.alertname).toMatchObject({ state: 'suppressed', inhibitedBy: [root?.fingerprint] });
  }

  await front.open();
  await until(() => topics('shop').every((topic) => received('shop').includes(topic)), 'what is left is told', 60_000);
  expect(received('shop').toSorted()).toEqual([...topics('shop'), 'TracehareBrokerDown'].toSorted());
}, 180_000);

test('a critical alert silences the warning of the same name and topic, and the budget the anomaly', async () => {
  const topic = { pipeline: 'third', topic: 'orders', side: 'publish' };
  await alertmanager.post([
    { alertname: 'TracehareLossRateHigh', severity: 'critical', ...topic },
    { alertname: 'TracehareLatencyBudgetBurn', severity: 'warning', ...topic },
  ]);
  await until(() => receiver.firing.filter(({ pipeline }) => pipeline === 'third').length >= 2, 'both are sent');
  await alertmanager.post([
    { alertname: 'TracehareLossRateHigh', severity: 'warning', ...topic },
    { alertname: 'TracehareLatencyAnomaly', severity: 'warning', ...topic },
    { alertname: 'TracehareLossRateHigh', severity: 'warning', ...topic, topic: 'others' },
    { alertname: 'TracehareLatencyAnomaly', severity: 'warning', ...topic, topic: 'others' },
  ]);
  await until(() => receiver.firing.filter((labels) => labels.topic === 'others').length >= 2, 'the others are sent');
  const told = new Set(
    receiver.firing
      .filter(({ pipeline }) => pipeline === 'third')
      .map((labels) => `${labels.alertname} ${labels.severity} ${labels.topic}`),
  );
  expect([...told].sort()).toEqual([
    'TracehareLatencyAnomaly warning others',
    'TracehareLatencyBudgetBurn warning orders',
    'TracehareLossRateHigh critical orders',
    'TracehareLossRateHigh warning others',
  ]);
});
