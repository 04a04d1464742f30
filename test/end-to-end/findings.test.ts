import { type ChannelModel, connect, type Options } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../src/telemetry/findings/findings.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';

let vhost: Vhost;
let site: Site;
let sidecar: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  sidecar = await site.sidecar();
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

const app = (name: string): Promise<ChannelModel> => site.connect(sidecar.port, { connection_name: name });
const persistent: Options.Publish = { persistent: true };

async function findings(): Promise<Finding[]> {
  return ((await (await sidecar.admin('/api/findings')).json()) as { findings: Finding[] }).findings;
}

/** A channel that may be closed by the broker. */
async function channelOf(connection: ChannelModel) {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  return channel;
}

/** Publishes, consumes, asks, answers and retries as one should. */
async function beHealthy(name: string): Promise<void> {
  const connection = await app(name);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange(`${name}.events`, 'topic');
  await channel.assertQueue(name, { deadLetterExchange: '', deadLetterRoutingKey: `${name}.dead` });
  await channel.assertQueue(`${name}.dead`);
  await channel.bindQueue(name, `${name}.events`, '#');
  await channel.prefetch(20);
  let handled = 0;
  await channel.consume(name, (message) => {
    handled++;
    if (message !== null) channel.ack(message);
  });
  // answers and what nobody keeps need no acknowledgement
  const own = await channel.assertQueue('', { exclusive: true });
  await channel.consume(own.queue, () => handled++, { noAck: true });
  await channel.consume('amq.rabbitmq.reply-to', () => handled++, { noAck: true });
  await channel.assertQueue(`${name}.live`, { durable: false, autoDelete: true });
  await channel.consume(`${name}.live`, () => handled++, { noAck: true });
  for (let i = 0; i < 300; i++) channel.publish(`${name}.events`, `made.${i % 3}`, Buffer.from('made'), persistent);
  for (let i = 0; i < 20; i++) channel.sendToQueue(own.queue, Buffer.from('answer'));
  for (let i = 0; i < 20; i++) channel.sendToQueue(`${name}.live`, Buffer.from('tick'));
  await channel.waitForConfirms();
  await until(
    () => handled === 340,
    () => `all come: ${handled}`,
  );
  // a look now and then is no polling, and a channel now and then no churn
  for (let i = 0; i < 3; i++) {
    const aside = await connection.createChannel();
    await aside.get(`${name}.dead`, { noAck: true });
    await aside.checkQueue(name);
    await aside.close();
  }
}

test('an ordinary app gives none, nor do two that declare the same', async () => {
  await Promise.all([beHealthy('shop'), beHealthy('mail')]);
  for (const name of ['reader', 'writer']) await (await channelOf(await app(name))).assertQueue('shared');
  // the habits of a connection are told within a second, the last of them when it ends
  const late = await app('late');
  const channel = await channelOf(late);
  await channel.consume('shop.dead', () => {}, { noAck: true });
  await until(async () => (await findings()).length > 0, 'the last one is told');
  expect((await findings()).map(({ kind, app, name }) => `${kind} ${app} ${name}`)).toEqual(['no_ack late shop.dead']);
});

/** What each of them does wrong, as `kind app name`. */
const seeded: Record<string, () => Promise<void>> = {};

for (const number of [1, 2, 3]) {
  seeded[`unlimited_prefetch hoarder-${'abc'[number - 1]} hoard.${number}`] = async () => {
    const channel = await channelOf(await app(`hoarder-${'abc'[number - 1]}`));
    await channel.assertQueue(`hoard.${number}`);
    for (let i = 0; i < 300; i++) channel.sendToQueue(`hoard.${number}`, Buffer.from('x'), persistent);
    await channel.consume(`hoard.${number}`, () => {});
  };
}
for (const name of ['dialler', 'redialler']) {
  seeded[`connection_churn ${name} `] = async () => {
    await (await channelOf(await app('owner'))).assertQueue(`${name}.target`);
    for (let i = 0; i < 12; i++) {
      const connection = await connect(vhost.url(sidecar.port), { clientProperties: { connection_name: name } });
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(`${name}.target`, Buffer.from('x'), persistent);
      await channel.waitForConfirms();
      if (i % 2 === 0) await channel.close();
      await connection.close();
    }
  };
}
for (const name of ['opener', 'reopener', 'asker']) {
  seeded[`channel_churn ${name} `] = async () => {
    const connection = await app(name);
    await (await channelOf(connection)).assertQueue(`${name}.target`);
    for (let i = 0; i < 25; i++) {
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue(`${name}.target`, Buffer.from('x'), persistent);
      await channel.waitForConfirms();
      await channel.close();
    }
  };
}
seeded['declared_differently second disputed'] = async () => {
  await (await channelOf(await app('first'))).assertQueue('disputed', { maxLength: 10 });
  await (await channelOf(await app('second'))).assertQueue('disputed').catch(() => {});
};
seeded['declared_differently fourth alternating'] = async () => {
  const third = await channelOf(await app('third'));
  await third.assertQueue('alternating');
  await third.deleteQueue('alternating');
  await (await channelOf(await app('fourth'))).assertQueue('alternating', { arguments: { 'x-queue-type': 'quorum' } });
};
seeded['declared_differently sixth exchange argued'] = async () => {
  await (await channelOf(await app('fifth'))).assertExchange('argued', 'topic');
  await (await channelOf(await app('sixth'))).assertExchange('argued', 'direct').catch(() => {});
};
for (const name of ['forgetful', 'careless']) {
  seeded[`transient_in_durable ${name} ${name}.durable`] = async () => {
    const channel = await channelOf(await app(name));
    await channel.assertQueue(`${name}.durable`);
    channel.sendToQueue(`${name}.durable`, Buffer.from('x'));
  };
}
seeded['transient_in_durable listener listener.durable'] = async () => {
  const channel = await channelOf(await app('listener'));
  await channel.assertExchange('news', 'fanout');
  await channel.assertQueue('listener.durable');
  await channel.bindQueue('listener.durable', 'news', '');
  await channel.prefetch(10);
  await channel.consume('listener.durable', (message) => message !== null && channel.ack(message));
  (await channelOf(await app('speaker'))).publish('news', '', Buffer.from('x'));
};
seeded['nothing_bound shouter void:nobody'] = async () => {
  const channel = await channelOf(await app('shouter'));
  await channel.assertExchange('void', 'direct');
  for (let i = 0; i < 5; i++) channel.publish('void', 'nobody', Buffer.from('x'), persistent);
};
seeded['nothing_bound mistyped qeueu'] = async () => {
  const channel = await channelOf(await app('mistyped'));
  for (let i = 0; i < 5; i++) channel.sendToQueue('qeueu', Buffer.from('x'), persistent);
};
for (const name of ['trusting', 'hasty']) {
  seeded[`no_ack ${name} ${name}.jobs`] = async () => {
    const channel = await channelOf(await app(name));
    await channel.assertQueue(`${name}.jobs`);
    await channel.consume(`${name}.jobs`, () => {}, { noAck: true });
  };
}
for (const name of ['poller', 'impatient']) {
  seeded[`polling ${name} ${name}.jobs`] = async () => {
    const channel = await channelOf(await app(name));
    await channel.assertQueue(`${name}.jobs`);
    for (let i = 0; i < 40; i++) await channel.get(`${name}.jobs`);
  };
}

test('of twenty that are seeded all are found, and none is invented', async () => {
  const expected = Object.keys(seeded);
  expect(expected).toHaveLength(20);
  await Promise.all(Object.values(seeded).map((seed) => seed()));
  const found = async () =>
    (await findings()).filter(({ app }) => app !== 'late').map(({ kind, app, name }) => `${kind} ${app} ${name}`);
  await until(async () => (await found()).length >= expected.length, 'all are found').catch(() => {});
  expect((await found()).toSorted()).toEqual(expected.toSorted());

  for (const { evidence, cure, count, since, vhost: where } of await findings()) {
    expect(evidence).toMatch(/\S/);
    expect(cure).toMatch(/^[A-Z].*\.$/);
    expect(count).toBeGreaterThan(0);
    expect(Date.parse(since)).toBeGreaterThan(0);
    expect(where).toBe(vhost.name);
  }
  const of = async (name: string) => (await findings()).find((finding) => finding.name === name)?.evidence;
  expect(await of('disputed')).toMatch(
    /^second declares it refused, x-max-length.*; first declares it as durable, x-max-length=10$/,
  );
  expect(await of('alternating')).toBe(
    'fourth declares it as durable, x-queue-type=quorum; third declares it as durable',
  );

  const metrics = await sidecar.metrics();
  for (const [kind, count] of [
    ['unlimited_prefetch', 3],
    ['declared_differently', 3],
    ['no_ack', 3],
    ['polling', 2],
  ] as const)
    expect(metrics.value('tracehare_findings', { kind }), kind).toBe(count);
  const polling = await sidecar.admin('/api/findings?kind=polling&app=poller');
  expect(((await polling.json()) as { findings: Finding[] }).findings).toHaveLength(1);
  expect((await sidecar.admin('/api/findings?knid=polling')).status).toBe(400);
});
