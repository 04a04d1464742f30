import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib';
import { temporaryFolder } from '../../testing/folder.ts';
import type { RabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

/** What is rare: limits so low that they bite at once, and rules that expect something. */
const CONFIG = `
limits: { connections: 2, windowPerChannel: 5 }
metrics: { maxTopics: 6 }
faults: { enabled: true }
loss: confirms
rpc: { timeout: 100ms }
tracing: { maxTracesPerSecond: 1, maxLossSpansPerSecond: 0, keep: { slow: 1ms, maxPerSecond: 0 } }
rules:
  - match: { exchange: prices }
    loss: { unroutable: expected }
  - match: { exchange: expiring }
    loss: { fanout: 1 }
    rateLimit: 10
    faults: [{ type: latency, attributes: { latency: 1ms } }]
`;

export interface Oddities {
  sidecar: Tracehare;
  /** Does every rare thing once more; what it leads to shows with the next scrape. */
  again(): Promise<void>;
  /** Makes the broker block whoever publishes, for a moment. */
  block(): Promise<void>;
  stop(): Promise<void>;
}

/** A sidecar to which things happen that are rare. The broker is its own: it is made to block. */
export async function startOddities(broker: RabbitMQ): Promise<Oddities> {
  const vhost = await createVhost({ port: broker.port, managementPort: broker.management.port });
  const folder = temporaryFolder('oddities');
  const file = join(folder.path, 'tracehare.yaml');
  writeFileSync(file, CONFIG);
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${broker.port}`,
    args: ['--pipeline', 'odd', '--config', file],
    // Nobody listens there: spans are made, and lost.
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
  });
  const url = vhost.url(sidecar.port);
  let names = 0;
  return {
    sidecar,
    async again() {
      await nothingDelivered(url);
      await tooManyConnections(url, sidecar);
      await transactionAfterPublish(url);
      await tooManyUnsettled(url);
      await fromTheFuture(vhost, url);
      await oneMoreName(url, `name-${names++}`);
      await asks(url, sidecar);
      await reload(sidecar, file);
    },
    block: () => block(broker, url),
    async stop() {
      await sidecar.kill();
      folder.remove();
      await vhost.remove();
    },
  };
}

async function during(url: string, work: (channel: ConfirmChannel, connection: ChannelModel) => Promise<void>) {
  const connection = await connect(url);
  connection.on('error', () => {});
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await work(channel, connection);
  } finally {
    await connection.close().catch(() => {});
  }
}

/** Where that is expected, and where one delivery is (it expires), and where neither is. */
function nothingDelivered(url: string): Promise<void> {
  return during(url, async (channel) => {
    await channel.assertExchange('prices', 'topic');
    await channel.assertExchange('expiring', 'fanout');
    await channel.assertQueue('short-lived', { messageTtl: 1 });
    await channel.bindQueue('short-lived', 'expiring', '');
    await channel.bindQueue('short-lived', 'prices', 'wanted');
    for (const key of ['wanted', 'unwanted']) channel.publish('prices', key, Buffer.from('odd'));
    for (let index = 0; index < 15; index++) channel.publish('expiring', '', Buffer.from('faster than 10 a second'));
    // unsampled: more traces than one a second; and losses without a span, for the limit of those is 0
    for (let index = 0; index < 5; index++) channel.publish('', 'nobody', Buffer.from('odd'));
    await channel.waitForConfirms();
  });
}

/** Two are; who comes while they are there is refused, and who comes after they are gone is not. */
async function tooManyConnections(url: string, sidecar: Tracehare): Promise<void> {
  await during(url, () =>
    during(url, () =>
      connect(url).then(
        () => {},
        () => {},
      ),
    ),
  );
  await until(async () => (await sidecar.metrics()).sum('tracehare_connections') === 0, 'all have gone');
}

function oneMoreName(url: string, name: string): Promise<void> {
  return during(url, async (channel) => {
    channel.sendToQueue(name, Buffer.from('odd'));
    await channel.waitForConfirms();
  });
}

/** The sidecar selected confirms on the channel before. */
async function transactionAfterPublish(url: string): Promise<void> {
  const connection = await connect(url);
  connection.on('error', () => {});
  const channel = (await connection.createChannel()) as unknown as { [name: string]: (...args: unknown[]) => unknown };
  channel.on('error', () => {});
  channel.publish('', 'nobody', Buffer.from('odd'));
  const TX_SELECT = 0x5a000a;
  const TX_SELECT_OK = 0x5a000b;
  await (channel.rpc as (...args: unknown[]) => Promise<unknown>)(TX_SELECT, {}, TX_SELECT_OK).catch(() => {});
  await connection.close().catch(() => {});
}

function tooManyUnsettled(url: string): Promise<void> {
  return during(url, async (channel) => {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    let delivered = 0;
    await channel.consume(queue, () => delivered++);
    for (let index = 0; index < 10; index++) channel.sendToQueue(queue, Buffer.from('odd'));
    await until(() => delivered === 10, 'ten are delivered');
  });
}

/** As a host whose clock is wrong would stamp it, and one that forges. */
async function fromTheFuture(vhost: Vhost, url: string): Promise<void> {
  await during(vhost.url(), async (channel) => {
    await channel.assertQueue('future');
    for (const at of [Date.now() + 60_000, 0]) {
      const stamp = { '!': 'int64', value: at * 1000 };
      channel.sendToQueue('future', Buffer.from('odd'), { headers: { 'x-tracehare-sent': stamp } });
    }
    await channel.waitForConfirms();
  });
  await during(url, async (channel) => {
    for (let message = await channel.get('future'); message; message = await channel.get('future')) {
      channel.ack(message);
    }
  });
}

/** One question is answered at once, and one when its answer is missing. */
function asks(url: string, sidecar: Tracehare): Promise<void> {
  return during(url, async (channel) => {
    await channel.assertQueue('asked', { exclusive: true });
    let answered = 0;
    await channel.consume('amq.rabbitmq.reply-to', () => answered++, { noAck: true });
    const missing = async () => (await sidecar.metrics()).sum('event_replies_missing_total');
    const before = await missing();
    await channel.consume(
      'asked',
      async (message) => {
        const { replyTo, correlationId } = (message as ConsumeMessage).properties;
        if (correlationId === 'late') await until(async () => (await missing()) > before, 'an answer is missing');
        channel.sendToQueue(replyTo, Buffer.from('odd'), { correlationId });
      },
      { noAck: true },
    );
    for (const correlationId of ['in time', 'late']) {
      channel.sendToQueue('asked', Buffer.from('odd'), { replyTo: 'amq.rabbitmq.reply-to', correlationId });
    }
    await until(() => answered === 2, 'both are answered');
  });
}

/** Once with a configuration that is wrong, and then with the old one. */
async function reload(sidecar: Tracehare, file: string): Promise<void> {
  for (const [result, content] of [
    ['failure', 'wrong: true'],
    ['success', CONFIG],
  ]) {
    const count = async () => (await sidecar.metrics()).sum('tracehare_config_reloads_total', { result });
    const before = await count();
    writeFileSync(file, content);
    sidecar.signal('SIGHUP');
    await until(async () => (await count()) > before, `a reload is counted as ${result}`);
  }
}

/** A memory alarm: the broker blocks whoever publishes. */
async function block(broker: RabbitMQ, url: string): Promise<void> {
  await broker.ctl('set_vm_memory_high_watermark', '0.000001');
  try {
    await during(url, async (channel, connection) => {
      let told = false;
      connection.once('blocked', () => {
        told = true;
      });
      channel.sendToQueue('nobody', Buffer.from('odd'));
      await until(() => told, 'the broker blocks');
      await broker.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');
      await channel.waitForConfirms();
    });
  } finally {
    await broker.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');
  }
}
