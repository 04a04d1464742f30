import { writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { temporaryFolder } from './folder.ts';
import { type OtlpReceiver, startOtlpReceiver } from './otlp.ts';
import { freePort } from './ports.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import type { SharedBroker } from './shared-broker.ts';
import { startTracehare, type Tracehare } from './tracehare.ts';
import { createVhost, type Vhost } from './vhost.ts';

export interface ObservedTrafficOptions {
  /** rule files (paths): as they are they need hours, see `shortened` */
  rules?: string[];
  /** `host:port` of an Alertmanager that gets the alerts */
  alertmanager?: string;
  /** further sidecars to scrape, `host:port` of their admin servers */
  targets?: string[];
  /** default: the shared one */
  broker?: SharedBroker;
}

/** What the apps did, counted by themselves; grows. Where it says so, something is still on its way. */
export interface AppsCount {
  /** into exchange `orders`: some 80 a second */
  published: number;
  /** of these, those that no queue gets */
  unroutable: number;
  /** by the consumer of `orders`, all of them settled */
  acked: number;
  rejected: number;
  /** nacked with requeue, once each, delivered again and acked then */
  requeued: number;
  /** out of the queue `morgue`, where those that `mortal` rejects go, and acked there */
  dead: number;
  /** out of `stuck`, and never settled */
  stuck: number;
  /** out of `poisoned`: one message that is nacked with requeue each time it comes */
  poisoned: number;
  /** into the queue `hasty`; their channel closes before most confirms come, and the sidecar can't know */
  unawaited: number;
  /** connections that speak HTTP to the sidecar */
  foreign: number;
}

export interface ObservedTraffic {
  prometheus: Prometheus;
  /**
   * `publisher` (all publishers) and `consumer` (all consumers) belong to the pipeline `shop`. The
   * consumer's OTLP endpoint refuses spans; the publisher knows at most 12 topics. `lonely` has an
   * upstream that does not exist, is bypassed, has a fault to inject, and has refused its newest configuration.
   */
  sidecars: { publisher: Tracehare; consumer: Tracehare; lonely: Tracehare };
  vhost: Vhost;
  count: Readonly<AppsCount>;
  /** Ends the apps, and resolves once they have said good-bye; figures stay as they are. */
  quiet(): Promise<void>;
  /** Ends everything. */
  stop(): Promise<void>;
}

/**
 * Three sidecars under traffic with known faults, and a Prometheus that scrapes them every 500 ms with
 * exemplars on. The faults: wrong routing keys, rejects, requeues and their redeliveries, dead letters, a
 * poisoned message, a consumer that settles nothing, one that is slower than its publisher (`slow`), channels
 * that close before their confirms come, connections that are no AMQP, more topics than the limit.
 * `npm run build` comes first. To be used in a file's beforeAll:
 *
 *     traffic = await startObservedTraffic({ rules });
 *     await until(async () => (await traffic.prometheus.query(expression)).length > 0, 'it shows');
 *     afterAll(() => traffic?.stop());
 *
 * Every figure is there within some seconds; wait for it with `until`, and give that 60 s. It takes
 * 2 or 3 s to start. What it publishes goes on until `quiet` or `stop`, whatever the broker does.
 */
export async function startObservedTraffic(options: ObservedTrafficOptions = {}): Promise<ObservedTraffic> {
  const ending: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of ending.reverse()) await end();
    ending.length = 0;
  };
  try {
    const vhost = await createVhost(options.broker);
    ending.push(() => vhost.remove().catch(() => {})); // the broker may be gone by then
    const otlp = await startOtlpReceiver();
    ending.push(() => otlp.close());
    const folder = temporaryFolder('traffic');
    ending.push(async () => folder.remove());
    const sidecars = await startSidecars(vhost, otlp, folder.path);
    ending.push(() => Promise.all(Object.values(sidecars).map((sidecar) => sidecar.kill())));
    const prometheus = await startPrometheus({
      targets: [
        ...Object.values(sidecars).map(({ adminPort }) => `127.0.0.1:${adminPort}`),
        ...(options.targets ?? []),
      ],
      scrapeInterval: 500,
      exemplars: true,
      ...(options.rules && { rules: options.rules }),
      ...(options.alertmanager && { alertmanager: options.alertmanager }),
    });
    ending.push(() => prometheus.stop());
    const apps = startApps(vhost.url(sidecars.publisher.port), vhost.url(sidecars.consumer.port), sidecars);
    ending.push(() => apps.end());
    await apps.ready;
    return { prometheus, sidecars, vhost, count: apps.count, quiet: () => apps.end(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A rule file (its text) whose windows fill within seconds: minutes become seconds, days too. */
export function shortened(rules: string): string {
  const seconds: Record<string, string> = {
    '30s': '1s',
    '1m': '2s',
    '2m': '6s',
    '5m': '3s',
    '9m30s': '3s',
    '10m': '4s',
    '15m': '4s',
    '30m': '4s',
    '1h': '5s',
    '6h': '6s',
    ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((day) => [`${day}d`, `${day}s`])),
  };
  return rules
    .replace(/(?<=\[|offset |for: |interval: )\d\w*(?=\]|\b)/g, (duration) => {
      const short = seconds[duration];
      if (short === undefined) throw new Error(`no short form of ${duration}: add one to shortened()`);
      return short;
    })
    .replace(/([<>]) 300\b/g, '$1 3');
}

async function startSidecars(vhost: Vhost, otlp: OtlpReceiver, folder: string) {
  const upstream = `amqp://127.0.0.1:${vhost.port}`;
  const nowhere = await freePort();
  const tracing = (endpoint: string) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    OTEL_BSP_SCHEDULE_DELAY: '200',
  });
  const args = ['--pipeline', 'shop'];
  const config = join(folder, 'lonely.yaml');
  const late = 'match: { exchange: late }, faults: [{ type: latency, attributes: { latency: 1s } }]';
  writeFileSync(config, `{ faults: { enabled: true }, rules: [{ ${late} }] }`);
  const [publisher, consumer, lonely] = await Promise.all([
    startTracehare({ upstream, args, env: tracing(otlp.url), config: 'metrics: { maxTopics: 12 }' }),
    startTracehare({ upstream, args, env: tracing(`http://127.0.0.1:${nowhere}`) }),
    startTracehare({
      upstream: `amqp://127.0.0.1:${nowhere}`,
      args: ['--config', config],
      env: { TRACEHARE_BYPASS: '1' },
    }),
  ]);
  writeFileSync(config, 'log: { level: loud }');
  lonely.signal('SIGHUP');
  return { publisher, consumer, lonely };
}

/** Kinds of messages that one round publishes into `orders`, `kind` being the routing key. */
const ROUND = ['ack', 'ack', 'ack', 'ack', 'reject', 'requeue', 'nobody'];

function startApps(publishUrl: string, consumeUrl: string, { publisher, lonely }: ObservedTraffic['sidecars']) {
  const count: AppsCount = {
    published: 0,
    unroutable: 0,
    acked: 0,
    rejected: 0,
    requeued: 0,
    dead: 0,
    stuck: 0,
    poisoned: 0,
    unawaited: 0,
    foreign: 0,
  };
  const over = new AbortController();
  const connections: ChannelModel[] = [];
  const open = async (url: string): Promise<ChannelModel> => {
    const connection = await connect(url);
    connection.on('error', () => {});
    connections.push(connection);
    return connection;
  };
  /** Does it again and again, and connects anew for it when that fails, until the end. */
  async function stay(url: string, work: (channel: Channel) => Promise<unknown>, pause: number): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const connection = await open(url);
        const lost = new Promise((resolve) => connection.once('close', resolve));
        const channel = await connection.createConfirmChannel();
        channel.on('error', () => {});
        const round = async () => {
          while (!over.signal.aborted) {
            await work(channel);
            await idle(pause);
          }
        };
        await Promise.race([round(), lost]);
      } catch {
        await idle(pause);
      }
    }
  }
  const idle = (time: number) => sleep(time, undefined, { signal: over.signal }).catch(() => {});

  async function declare(): Promise<void> {
    // by the consumers, whose sidecar hears so which queues dead-letter
    const connection = await open(consumeUrl);
    const channel = await connection.createChannel();
    await channel.assertExchange('orders', 'direct');
    await channel.assertQueue('orders.in');
    for (const kind of ROUND) if (kind !== 'nobody') await channel.bindQueue('orders.in', 'orders', kind);
    await channel.assertQueue('morgue');
    await channel.assertQueue('mortal', { deadLetterExchange: '', deadLetterRoutingKey: 'morgue' });
    for (const queue of ['stuck', 'poisoned', 'slow']) await channel.assertQueue(queue);
    await channel.assertQueue('hasty', { maxLength: 10 });
    await connection.close();
  }
  async function consume(): Promise<void> {
    const connection = await open(consumeUrl);
    const taking = async (
      queue: string,
      prefetch: number,
      take: (message: ConsumeMessage, on: Channel) => void | Promise<void>,
    ) => {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      await channel.prefetch(prefetch);
      await channel.consume(queue, async (message) => {
        try {
          if (message !== null) await take(message, channel);
        } catch {
          // the channel has ended meanwhile
        }
      });
    };
    await taking('orders.in', 50, (message, channel) => {
      const { routingKey, redelivered } = message.fields;
      if (routingKey === 'reject') {
        count.rejected++;
        channel.nack(message, false, false);
      } else if (routingKey === 'requeue' && !redelivered) {
        count.requeued++;
        channel.nack(message, false, true);
      } else {
        count.acked++;
        channel.ack(message);
      }
    });
    await taking('mortal', 5, (message, channel) => channel.reject(message, false));
    await taking('morgue', 5, (message, channel) => {
      count.dead++;
      channel.ack(message);
    });
    await taking('stuck', 5, () => {
      count.stuck++;
    });
    await taking('poisoned', 1, async (message, channel) => {
      count.poisoned++;
      await idle(50);
      channel.nack(message, false, true);
    });
    // one worker, behind which others wait in the prefetch
    let working = Promise.resolve();
    await taking('slow', 5, (message, channel) => {
      working = working.then(async () => {
        await idle(300);
        channel.ack(message);
      });
      return working;
    });
  }
  async function order(channel: Channel): Promise<void> {
    for (const kind of ROUND) {
      channel.publish('orders', kind, Buffer.from(kind));
      count.published++;
      if (kind === 'nobody') count.unroutable++;
    }
    await (channel as Awaited<ReturnType<ChannelModel['createConfirmChannel']>>).waitForConfirms();
  }
  let next = 0;
  async function others(channel: Channel): Promise<void> {
    if (next === 0) channel.sendToQueue('poisoned', Buffer.from('poison'));
    // a new topic each time, and so one more than the limit each time
    const { queue: many } = await channel.assertQueue(`many.${next++}`, { expires: 10_000 });
    for (const queue of ['mortal', 'stuck', 'slow', many]) channel.sendToQueue(queue, Buffer.from(queue));
    await (channel as Awaited<ReturnType<ChannelModel['createConfirmChannel']>>).waitForConfirms();
  }
  /** Closes a channel with confirms outstanding, talks HTTP, and connects where no broker is. */
  async function misbehave(): Promise<void> {
    const connection = await open(publishUrl);
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    for (let index = 0; index < 5; index++) {
      channel.sendToQueue('hasty', Buffer.alloc(1000), { persistent: true }, () => {});
      count.unawaited++;
    }
    await channel.close();
    await connection.close();
    await call(publisher.port);
    count.foreign++;
    await call(lonely.port);
  }
  function call(port: number): Promise<void> {
    return new Promise((resolve) => {
      const socket = connectSocket(port, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'));
      socket.on('error', () => {});
      socket.once('close', () => resolve());
      socket.resume();
    });
  }
  async function keepMisbehaving(): Promise<void> {
    while (!over.signal.aborted) {
      await misbehave().catch(() => {});
      await idle(300);
    }
  }

  const ready = declare().then(consume);
  const running = ready.then(() =>
    Promise.all([stay(publishUrl, order, 80), stay(publishUrl, others, 200), keepMisbehaving()]),
  );
  running.catch(() => {}); // `ready` tells
  return {
    count,
    ready,
    async end(): Promise<void> {
      over.abort();
      await Promise.race([running.catch(() => {}), sleep(1000)]);
      await Promise.race([Promise.all(connections.map((each) => each.close().catch(() => {}))), sleep(1000)]);
    },
  };
}
