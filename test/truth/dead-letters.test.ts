import { type Channel, type ConsumeMessage, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Count, figuresOf, sorted } from './figures.ts';

let vhost: Vhost;
let sidecar: Tracehare;
beforeAll(async () => {
  vhost = await createVhost();
  sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, args: ['--loss', 'off'] });
});
afterAll(async () => {
  await vhost?.remove();
  await sidecar?.stop();
});

const EACH = 10;
const KEPT = 4;
/** So often a message goes back to its queue. */
const LIMIT = 2;

test('dead letters of every reason are counted by queue and reason, once each, and none of them is lost', async () => {
  const count = new Count({ pipeline: vhost.name, serverPort: vhost.port });
  const app = await connect(vhost.url(sidecar.port));
  const channel = await app.createConfirmChannel();
  await channel.assertExchange('graveyard', 'fanout');
  await channel.assertQueue('grave');
  await channel.bindQueue('grave', 'graveyard', '');
  const dying = { 'x-dead-letter-exchange': 'graveyard' };
  await channel.assertQueue('refused', { arguments: dying });
  await channel.assertQueue('dropped', { arguments: dying });
  await channel.assertQueue('brief', { arguments: { ...dying, 'x-message-ttl': 1 } });
  await channel.assertQueue('short', { arguments: { ...dying, 'x-max-length': KEPT } });
  const quorum = { ...dying, 'x-queue-type': 'quorum', 'x-delivery-limit': LIMIT };
  await channel.assertQueue('stubborn', { arguments: quorum });

  const body = Buffer.from('a message');
  for (const queue of ['refused', 'dropped', 'brief', 'short', 'stubborn']) {
    for (let i = 0; i < EACH; i++) {
      channel.sendToQueue(queue, body, { messageId: `${queue}-${i}` });
      count.published(queue, body.length);
      count.confirmed(queue);
      count.publishEnded(queue);
    }
  }
  await channel.waitForConfirms();

  /** Consumes until `total` have come; `settle` says what becomes of each. */
  async function consume(queue: string, total: number, settle: (on: Channel, message: ConsumeMessage) => void) {
    const on = await app.createChannel();
    let seen = 0;
    await on.consume(queue, (message) => {
      seen++;
      settle(on, message as ConsumeMessage);
    });
    await until(() => seen === total, `${queue} has delivered all`);
    await on.checkQueue('grave'); // answered after the settlements before it
    await on.close();
  }
  const delivered = (queue: string, redelivered: boolean) =>
    count.delivered(queue, body.length, { redelivered, got: false });

  await consume('refused', EACH, (on, message) => {
    on.reject(message, false);
    delivered('refused', false);
    count.rejected('refused', 'refused', false);
  });
  await consume('dropped', EACH, (on, message) => {
    on.nack(message, false, false);
    delivered('dropped', false);
    count.rejected('dropped', 'dropped', false);
  });
  // back to its queue at first, then over the limit
  await consume('stubborn', EACH * (LIMIT + 1), (on, message) => {
    on.nack(message, false, true);
    delivered('stubborn', message.fields.redelivered);
    const before = message.properties.headers?.['x-delivery-count'] ?? 0;
    if (before < LIMIT) count.requeued('stubborn', 'nack');
    else count.overLimit('stubborn', 'stubborn');
  });

  const reasons = { refused: 'rejected', dropped: 'rejected', brief: 'expired', short: 'maxlen' };
  const dead = [
    ...Object.entries(reasons).flatMap(([queue, reason]) =>
      Array<[string, string]>(queue === 'short' ? EACH - KEPT : EACH).fill([queue, reason]),
    ),
    ...Array<[string, string]>(EACH).fill(['stubborn', 'delivery_limit']),
  ];
  await until(async () => (await channel.checkQueue('grave')).messageCount === dead.length, 'all are dead');
  const seen: [string, string][] = [];
  // each comes twice: the second time shows the same step again
  await consume('grave', dead.length * 2, (on, message) => {
    const { redelivered } = message.fields;
    const headers = message.properties.headers as { 'x-death': { queue: string; reason: string }[] };
    const [death] = headers['x-death'];
    count.delivered('graveyard', body.length, { redelivered, got: false, deadLettered: true });
    if (redelivered) {
      on.ack(message);
      count.acked('graveyard', 'grave');
    } else {
      on.nack(message, false, true);
      count.requeued('graveyard', 'nack');
      count.deadLettered('graveyard', death.queue, death.reason);
      seen.push([death.queue, death.reason]);
    }
  });
  await app.close();
  expect(seen.map(String).sort()).toEqual(dead.map(String).sort());

  const metrics = await until(async () => {
    const now = await sidecar.metrics();
    return now.sum('tracehare_connections') === 0 && now;
  }, 'the connection is gone');
  expect(sorted(figuresOf(metrics))).toEqual(sorted(count.figures));
  expect(metrics.sum('event_lost_total')).toBe(0);
});
