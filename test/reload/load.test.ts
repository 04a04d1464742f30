import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { counts, ends, type ReloadRig, startReloadRig } from './rig.ts';

const RELOADS = 100;
const PUBLISHERS = 4;
/** messages a burst of one publisher, and ms between: 10,000 a second together, if the machine can */
const BURST = 25;
const PAUSE_MS = 10;
/** not yet consumed: beyond, publishers wait for the consumer */
const MOST_WAITING = 5000;
const LONG_MS = 120_000;

/** Two configurations that treat every message differently, and what is none. Whose a message was shows on it. */
const VALID = [
  'loss: returns\nrules: [{ match: { exchange: amq.topic }, topic: marked }]\n',
  'loss: confirms\nrules: [{ match: { exchange: amq.topic }, topic: bare, propagate: false }]\n',
];
const INVALID = 'rules: [{ match: { exchange: amq.topic }, topic: 7 }]\n';

interface Publisher {
  published: number;
  stop(): Promise<void>;
}

/** Publishes until it is stopped; half of them with confirms of their own. */
async function publisher(
  model: ChannelModel,
  index: number,
  queue: string,
  isFarAhead: () => boolean,
): Promise<Publisher> {
  const confirming = index % 2 === 0;
  const channel = confirming ? await model.createConfirmChannel() : await model.createChannel();
  let stopped = false;
  const made = { published: 0 };
  const running = (async () => {
    while (!stopped) {
      for (let i = 0; i < BURST && !isFarAhead(); i++) {
        const body = Buffer.from(`${index}-${made.published++}`);
        if (!channel.publish('amq.topic', queue, body)) await once(channel, 'drain');
      }
      await sleep(PAUSE_MS);
    }
    if (confirming) await (channel as ConfirmChannel).waitForConfirms();
    // answered after all of them were routed
    await channel.checkQueue(queue);
  })();
  // told by stop
  running.catch(() => {});
  return Object.assign(made, {
    stop() {
      stopped = true;
      return running;
    },
  });
}

async function throughput({ sidecar }: ReloadRig, labels: Record<string, string>): Promise<number> {
  return (await sidecar.metrics()).sum('event_throughput_total', labels);
}

test.each([1, 2])(
  '%i worker(s): 100 reloads under load, and each message under exactly one configuration',
  async (workers) => {
    const rig = await startReloadRig(VALID[0], ['--workers', String(workers)]);
    const { sidecar, write } = rig;
    const models = await Promise.all(Array.from({ length: PUBLISHERS + 1 }, () => rig.app()));
    let closed = 0;
    for (const model of models) model.on('close', () => closed++);

    const consuming = await models[PUBLISHERS].createChannel();
    const { queue } = await consuming.assertQueue('all');
    await consuming.bindQueue(queue, 'amq.topic', '#');
    await consuming.prefetch(500);
    const bodies = new Set<string>();
    const consumed = { marked: 0, bare: 0, neither: 0, twice: 0 };
    await consuming.consume(queue, (message) => {
      const { content, properties } = message as ConsumeMessage;
      const body = content.toString();
      const headers = Object.keys(properties.headers ?? {});
      const ours = ['traceparent', 'x-tracehare-sent'].filter((name) => headers.includes(name)).length;
      if (bodies.has(body)) consumed.twice++;
      bodies.add(body);
      consumed[ours === 2 ? 'marked' : ours === 0 ? 'bare' : 'neither']++;
      consuming.ack(message as ConsumeMessage);
    });

    const publishers: Publisher[] = [];
    const published = () => publishers.reduce((sum, each) => sum + each.published, 0);
    const isFarAhead = () => published() - bodies.size > MOST_WAITING;
    for (const [index, model] of models.slice(0, PUBLISHERS).entries()) {
      publishers.push(await publisher(model, index, queue, isFarAhead));
    }
    for (let i = 0; i < RELOADS; i++) {
      const invalid = i % 2 === 0;
      const before = ends(sidecar).length;
      write(`${invalid ? INVALID : VALID[((i + 1) / 2) % 2]}# ${i}\n`);
      sidecar.signal('SIGHUP');
      // on a slow machine the event of the file can be another reload of the same
      const level = invalid ? 'error' : 'info';
      await until(
        () =>
          ends(sidecar)
            .slice(before)
            .some((line) => String(line.level) === level),
        () => `reload ${i} ends; the log is ${JSON.stringify(sidecar.log.slice(-5))}`,
      );
    }
    await Promise.all(publishers.map((each) => each.stop()));

    const total = published();
    await until(
      () => bodies.size === total,
      () => `all ${total} come: ${JSON.stringify(consumed)}`,
      LONG_MS,
    );
    expect(consumed).toMatchObject({ neither: 0, twice: 0 });
    expect(consumed.marked + consumed.bare).toBe(total);
    expect(Math.min(consumed.marked, consumed.bare)).toBeGreaterThan(0);
    await until(
      async () => (await throughput(rig, { side: 'publish' })) === total,
      `all ${total} outcomes are counted`,
      LONG_MS,
    );
    expect({
      marked: await throughput(rig, { side: 'publish', topic: 'marked', status: 'success' }),
      bare: await throughput(rig, { side: 'publish', topic: 'bare', status: 'success' }),
    }).toEqual({ marked: consumed.marked, bare: consumed.bare });
    await until(
      async () => (await throughput(rig, { side: 'consume', status: 'success' })) === total,
      'all are settled',
    );

    expect(closed).toBe(0);
    const metrics = await sidecar.metrics();
    expect(metrics.value('tracehare_connections')).toBe(PUBLISHERS + 1);
    for (const name of ['event_lost_total', 'event_unknown_total', 'tracehare_unobserved_total']) {
      expect(metrics.sum(name), name).toBe(0);
    }
    const { success = 0, failure = 0 } = await counts(sidecar);
    expect(success + failure).toBe(ends(sidecar).length);
    expect(Math.min(success, failure)).toBeGreaterThanOrEqual(RELOADS / 2);
  },
  LONG_MS,
);
