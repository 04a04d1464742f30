import type { Channel } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { nameOf, publish, RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { string } from '../../testing/wire.ts';
import { context, inModes, type Named, type Rig, sorted, unique } from './rig.ts';

/** Messages a test published, each with a context of its own; the body is the number. */
class Published {
  readonly all: { body: string; exchange: string; routingKey: string; traceId: string }[] = [];

  publish(channel: Channel, exchange: string, routingKey: string, options = {}): void {
    const { traceId, headers } = context();
    const body = String(this.all.length);
    this.all.push({ body, exchange, routingKey, traceId });
    channel.publish(exchange, routingKey, Buffer.from(body), { ...options, headers: { ...headers } });
  }

  /** How `GET /api/losses` must name these. */
  named(reason: string, lost: (body: string) => boolean): Named[] {
    return this.all
      .filter(({ body }) => lost(body))
      .map(({ exchange, routingKey, traceId }) => ({ exchange, routingKey, queue: '', reason, traceId }));
  }
}

/** A channel through the sidecar whose errors are expected. */
async function channelOf(rig: Rig, properties?: Record<string, string>) {
  const connection = await rig.open(properties);
  const channel = await connection.createChannel();
  const closed = new Promise<Error>((resolve) => channel.on('error', resolve));
  return { connection, channel, closed };
}

const rawClient = ({ sidecar, vhost }: Rig): Promise<RawClient> =>
  RawClient.open({ port: sidecar.port, vhost: vhost.name });

/** A direct exchange with a queue bound by `good`; durable, so that it may outlive a broker. */
async function topology(rig: Rig, queueArguments = {}) {
  const exchange = unique('ex');
  const queue = unique('q');
  const aside = await rig.aside();
  await aside.assertExchange(exchange, 'direct');
  await aside.assertQueue(queue, { arguments: queueArguments });
  await aside.bindQueue(queue, exchange, 'good');
  return { exchange, queue, aside };
}

const CONFIG = `
loss:
  settleOnClose: 10s
  exempt: [{ connectionName: never-shadowed }]
rules:
  - match: { exchange: /^quiet-/ }
    loss: { unroutable: expected }
`;

inModes(
  (rig) => {
    const { mode } = rig;
    /** What is known only because Tracehare asked for it. */
    const asks = mode !== 'off';

    /** Publishes plainly, closes in order, and compares all there is with what was stored. */
    async function compare(exchange: string, sent: Published, figures: object, lost: Named[]): Promise<void> {
      expect(await rig.figures(exchange)).toEqual(figures);
      expect(sorted(await rig.losses(exchange))).toEqual(sorted(lost));
      expect(sent.all.length).toBeGreaterThan(0);
    }

    describe('unroutable', () => {
      test('wrong routing keys among right ones', async () => {
        const { exchange, queue } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 200; i++) sent.publish(channel, exchange, i % 3 === 0 ? 'wrong' : 'good');
        await channel.close();
        await connection.close();

        const stored = await rig.stored(queue);
        expect(stored).toHaveLength(133);
        const figures = asks
          ? { 'publish success': 133, 'publish failed': 67, 'publish lost unroutable': 67 }
          : { 'publish success': 200 };
        await compare(exchange, sent, figures, asks ? sent.named('unroutable', (body) => !stored.includes(body)) : []);
      });

      test('a binding that goes midway', async () => {
        const { exchange, queue, aside } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 1000; i++) {
          if (i === 500) await aside.unbindQueue(queue, exchange, 'good');
          sent.publish(channel, exchange, 'good');
          if (i % 50 === 0) await new Promise(setImmediate);
        }
        await channel.close();
        await connection.close();

        const stored = await rig.stored(queue);
        const lost = 1000 - stored.length;
        expect(lost).toBeGreaterThanOrEqual(500);
        const figures = asks
          ? {
              ...(stored.length > 0 && { 'publish success': stored.length }),
              'publish failed': lost,
              'publish lost unroutable': lost,
            }
          : { 'publish success': 1000 };
        await compare(exchange, sent, figures, asks ? sent.named('unroutable', (body) => !stored.includes(body)) : []);
      });

      test('the app asks for some returns itself: it gets these and no others, as it sent them', async () => {
        const { exchange, queue } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        const returned: string[] = [];
        channel.on('return', ({ content, properties, fields }) => {
          expect(Object.keys(properties.headers ?? {})).toEqual(['traceparent']);
          expect(fields).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', exchange, routingKey: 'wrong' });
          returned.push(content.toString());
        });
        const sent = new Published();
        const asked: string[] = [];
        for (let i = 0; i < 90; i++) {
          const [mandatory, wrong] = [i % 3 === 0, i % 2 === 0];
          if (mandatory && wrong) asked.push(String(i));
          sent.publish(channel, exchange, wrong ? 'wrong' : 'good', { mandatory });
        }
        await channel.checkQueue(queue); // behind all returns
        await channel.close();
        await connection.close();

        expect(returned).toEqual(asked);
        const stored = await rig.stored(queue);
        expect(stored).toHaveLength(45);
        const lost = sent.named('unroutable', (body) => (asks ? !stored.includes(body) : asked.includes(body)));
        const figures = {
          'publish success': 90 - lost.length,
          'publish failed': lost.length,
          'publish lost unroutable': lost.length,
        };
        await compare(exchange, sent, figures, lost);
      });

      test('the same with confirms of its own: returns before acks, tags from 1', async () => {
        const { exchange, queue } = await topology(rig);
        const connection = await rig.open();
        const channel = await connection.createConfirmChannel();
        const seen: string[] = [];
        channel.on('return', ({ content }) => seen.push(`return ${content}`));
        const sent = new Published();
        for (let i = 0; i < 60; i++) {
          sent.publish(channel, exchange, i % 2 === 0 ? 'wrong' : 'good', { mandatory: i % 4 === 0 });
        }
        channel.on('ack', ({ deliveryTag, multiple }) => seen.push(`ack ${deliveryTag} ${multiple}`));
        await channel.waitForConfirms();
        await connection.close();

        expect(seen.filter((each) => each.startsWith('return'))).toEqual(
          Array.from({ length: 15 }, (_, i) => `return ${i * 4}`),
        );
        let confirmed = 0;
        for (const [at, each] of seen.entries()) {
          const [what, number, multiple] = each.split(' ');
          if (what !== 'ack') continue;
          expect(Number(number)).toBeLessThanOrEqual(60);
          confirmed = Math.max(confirmed, Number(number));
          // its own return has come before
          if (multiple === 'false' && (Number(number) - 1) % 4 === 0) {
            expect(seen.indexOf(`return ${Number(number) - 1}`)).toBeLessThan(at);
            expect(seen).toContain(`return ${Number(number) - 1}`);
          }
        }
        expect(confirmed).toBe(60);
        const stored = await rig.stored(queue);
        const lost = sent.named('unroutable', (body) => (asks ? !stored.includes(body) : Number(body) % 4 === 0));
        const figures = {
          'publish success': 60 - lost.length,
          'publish failed': lost.length,
          'publish lost unroutable': lost.length,
        };
        await compare(exchange, sent, figures, lost);
      });

      test('nobody may be subscribed: counted apart, no loss and no outcome', async () => {
        const exchange = unique('quiet');
        await (await rig.aside()).assertExchange(exchange, 'fanout');
        const { connection, channel } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 10; i++) sent.publish(channel, exchange, '');
        await channel.close();
        await connection.close();
        await compare(exchange, sent, asks ? { 'publish unrouted as expected': 10 } : { 'publish success': 10 }, []);
        const metrics = await rig.sidecar.metrics();
        const rate = metrics.value('event_loss_rate', { topic: exchange, side: 'publish' });
        expect(rate).toBe(asks ? undefined : 0);
      });

      test('a message to be delayed is not made mandatory: an exchange that delays returns all that are', async () => {
        const { exchange } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        for (let i = 0; i < 5; i++) channel.publish(exchange, 'wrong', Buffer.from('x'), { headers: { 'x-delay': 9 } });
        await channel.close();
        await connection.close();
        expect(await rig.figures(exchange)).toEqual({ 'publish success': 5 });
      });

      test('event_loss_rate is lost / (success + failed)', async () => {
        const { exchange } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        for (let i = 0; i < 8; i++) channel.publish(exchange, i < 2 ? 'wrong' : 'good', Buffer.from('x'));
        await channel.close();
        await connection.close();
        await rig.figures(exchange);
        const metrics = await rig.sidecar.metrics();
        const labels = { topic: exchange, pipeline: rig.vhost.name, side: 'publish' };
        expect(metrics.value('event_loss_rate', labels)).toBe(asks ? 0.25 : 0);
        expect(metrics.matching('event_loss_rate', { ...labels, side: 'consume' })).toEqual([]);
      });
    });

    describe('answers over direct reply-to', () => {
      test.each([false, true])(
        'reach who asked, and none is lost (the answering app sets mandatory: %s)',
        async (mandatory) => {
          const queue = unique('rpc');
          const server = await channelOf(rig);
          await server.channel.assertQueue(queue);
          let returned = 0;
          server.channel.on('return', () => returned++);
          await server.channel.consume(queue, (message) => {
            if (message === null) return;
            server.channel.sendToQueue(message.properties.replyTo, message.content, { mandatory });
            server.channel.ack(message);
          });
          const client = await channelOf(rig);
          const answers: string[] = [];
          await client.channel.consume('amq.rabbitmq.reply-to', (message) => answers.push(String(message?.content)), {
            noAck: true,
          });
          const answered = 'amq.rabbitmq.reply-to';
          const before = await rig.sidecar.metrics();
          for (let i = 0; i < 20; i++) {
            client.channel.sendToQueue(queue, Buffer.from(String(i)), { replyTo: 'amq.rabbitmq.reply-to' });
          }
          await until(() => answers.length === 20, 'all are answered');
          await server.channel.checkQueue(queue);
          await client.connection.close();
          await server.connection.close();
          expect(returned).toBe(mandatory ? 20 : 0);
          expect(await rig.figures(queue)).toEqual({ 'publish success': 20, 'consume success': 20 });
          const after = await rig.sidecar.metrics();
          const grown = (labels: Record<string, string>, name = 'event_throughput_total'): number =>
            after.sum(name, { topic: answered, ...labels }) - before.sum(name, { topic: answered, ...labels });
          expect(grown({ side: 'publish', status: 'success' })).toBe(20);
          expect(grown({ side: 'publish', status: 'failed' })).toBe(0);
          expect(after.sum('event_lost_total', { topic: answered })).toBe(0);
        },
      );
    });

    describe('a refused publish closes its channel', () => {
      test('no such exchange: the only one is lost, and named', async () => {
        const exchange = unique('missing');
        const { connection, channel, closed } = await channelOf(rig);
        const sent = new Published();
        sent.publish(channel, exchange, 'key');
        expect(await closed).toMatchObject({ code: 404 });
        await connection.close();
        const [named] = sent.named('no_exchange', () => true);
        const figures = asks
          ? { 'publish failed': 1, 'publish lost no_exchange': 1 }
          : { 'publish success': 1, 'publish lost no_exchange': 1 };
        // without help it had counted as a success when it left
        await compare(exchange, sent, figures, [asks ? named : { ...named, routingKey: '', traceId: '' }]);
      });

      test('no such exchange, several at once: one is lost, nobody can say which; the rest is unknown', async () => {
        const exchange = unique('missing');
        const client = await rawClient(rig);
        client.send(...Array.from({ length: 10 }, () => publish(1, { exchange, key: 'key' })));
        expect((await client.take(20, 40)).readUInt16BE(11)).toBe(404);
        await client.close();
        const figures = asks
          ? { 'publish failed': 1, 'publish lost no_exchange': 1, 'publish unknown channel_error': 9 }
          : { 'publish success': 10, 'publish lost no_exchange': 1 };
        expect(await rig.figures(exchange)).toEqual(figures);
        const routingKey = asks ? 'key' : '';
        expect(await rig.losses(exchange)).toEqual([
          { exchange, routingKey, queue: '', reason: 'no_exchange', traceId: '' },
        ]);
      });

      test('a loss is counted under its own exchange, whatever was published since', async () => {
        const { exchange: works } = await topology(rig);
        const missing = unique('missing');
        const client = await rawClient(rig);
        client.send(publish(1, { exchange: missing, key: 'key' }), publish(1, { exchange: works, key: 'good' }));
        await client.take(20, 40);
        await client.close();
        const outcome = asks ? { 'publish failed': 1 } : { 'publish success': 1 };
        expect(await rig.figures(missing)).toEqual({ ...outcome, 'publish lost no_exchange': 1 });
        expect(await rig.figures(works)).toEqual(
          asks ? { 'publish unknown channel_error': 1 } : { 'publish success': 1 },
        );
      });

      test('an exchange that goes when all before was settled: the next one is lost, and named', async () => {
        const { exchange, queue, aside } = await topology(rig);
        const { connection, channel, closed } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 5; i++) sent.publish(channel, exchange, 'good');
        await channel.checkQueue(queue);
        if (mode === 'confirms') {
          await until(async () => {
            const metrics = await rig.sidecar.metrics();
            return metrics.sum('event_throughput_total', { topic: exchange, status: 'success' }) === 5;
          }, 'all are confirmed');
        }
        await aside.deleteExchange(exchange);
        sent.publish(channel, exchange, 'good');
        await closed;
        await connection.close();
        const [named] = sent.named('no_exchange', (body) => body === '5');
        const figures = asks
          ? { 'publish success': 5, 'publish failed': 1, 'publish lost no_exchange': 1 }
          : { 'publish success': 6, 'publish lost no_exchange': 1 };
        await compare(exchange, sent, figures, [asks ? named : { ...named, routingKey: '', traceId: '' }]);
        expect(await rig.stored(queue)).toEqual(['0', '1', '2', '3', '4']);
      });

      test('an exchange that goes in mid-stream: one loss, and no stored message is named', async () => {
        const { exchange, queue, aside } = await topology(rig);
        const { connection, channel, closed } = await channelOf(rig);
        let open = true;
        closed.then(() => {
          open = false;
        });
        const sent = new Published();
        const deleted = until(
          async () => (await aside.checkQueue(queue)).messageCount > 100,
          'the broker has stored some',
        ).then(() => aside.deleteExchange(exchange));
        while (open) {
          for (let i = 0; i < 20 && open; i++) sent.publish(channel, exchange, 'good');
          await new Promise(setImmediate);
        }
        await deleted;
        await connection.close();

        const figures = await rig.figures(exchange);
        const { 'publish success': success = 0, 'publish unknown channel_error': unknown = 0, ...rest } = figures;
        const stored = await rig.stored(queue);
        expect(stored.length).toBeGreaterThan(100);
        // amqplib may have kept back what it had not yet written when it learnt of the close
        expect(success + unknown).toBeLessThanOrEqual(sent.all.length);
        expect(success + unknown).toBeGreaterThanOrEqual(stored.length);
        // its bindings go first: what comes in between is unroutable
        const { 'publish lost unroutable': unroutable = 0, ...refused } = rest;
        expect(refused).toEqual({
          ...(asks && { 'publish failed': 1 + unroutable }),
          'publish lost no_exchange': 1,
        });
        // what the broker vouched for is there
        if (mode === 'confirms') expect(success).toBeLessThanOrEqual(stored.length);
        const lost = await rig.losses(exchange);
        expect(lost.map(({ reason }) => reason)).toEqual([...Array(unroutable).fill('unroutable'), 'no_exchange']);
        const inQueue = new Set(stored.map((body) => sent.all[Number(body)].traceId));
        for (const { traceId } of lost) expect(inQueue).not.toContain(traceId);
      });

      test('no permission', async () => {
        const exchange = unique('forbidden');
        await (await rig.aside()).assertExchange(exchange, 'direct');
        const user = unique('reader');
        await rig.vhost.management.createUser(user, 'secret', rig.vhost.name, '^$');
        try {
          for (const to of [exchange, '']) {
            const key = unique('key');
            const client = await RawClient.open({
              port: rig.sidecar.port,
              vhost: rig.vhost.name,
              user,
              password: 'secret',
            });
            const { traceId, headers } = context();
            client.send(publish(1, { exchange: to, key, headers: [string('traceparent', headers.traceparent)] }));
            expect((await client.take(20, 40)).readUInt16BE(11)).toBe(403);
            await client.close();
            const topic = to || key;
            expect(await rig.figures(topic)).toEqual({
              ...(asks ? { 'publish failed': 1 } : { 'publish success': 1 }),
              'publish lost access_refused': 1,
            });
            const known = asks ? { routingKey: key, traceId } : { routingKey: '', traceId: '' };
            expect(await rig.losses(topic)).toEqual([{ exchange: to, queue: '', reason: 'access_refused', ...known }]);
          }
        } finally {
          await rig.vhost.management.deleteUser(user);
        }
      });
    });

    describe('what queues do with messages that were taken', () => {
      test('full, reject-publish: nacked, and lost, where confirms are asked for; nobody knows otherwise', async () => {
        const { exchange, queue } = await topology(rig, { 'x-max-length': 5, 'x-overflow': 'reject-publish' });
        const { connection, channel } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 40; i++) sent.publish(channel, exchange, 'good');
        await channel.close();
        await connection.close();
        const stored = await rig.stored(queue);
        expect(stored.length).toBeLessThan(40);
        const lost = mode === 'confirms' ? sent.named('nacked', (body) => !stored.includes(body)) : [];
        const figures =
          mode === 'confirms'
            ? {
                'publish success': stored.length,
                'publish failed': 40 - stored.length,
                'publish lost nacked': 40 - stored.length,
              }
            : { 'publish success': 40 };
        await compare(exchange, sent, figures, lost);
      });

      test.each([
        ['over an exchange', true],
        ['over the default exchange', false],
      ])('full, and dead-letters what it refuses: failed where confirms tell, and not lost, %s', async (_, bound) => {
        const { exchange, queue } = await topology(rig);
        const { connection, channel } = await channelOf(rig);
        const [full, dead] = [unique('full'), unique('dead')];
        await channel.assertQueue(dead);
        await channel.assertQueue(full, {
          maxLength: 5,
          arguments: {
            'x-overflow': 'reject-publish-dlx',
            'x-dead-letter-exchange': '',
            'x-dead-letter-routing-key': dead,
          },
        });
        await channel.bindQueue(full, exchange, 'good');
        const to = bound ? exchange : '';
        for (let i = 0; i < 40; i++) channel.publish(to, bound ? 'good' : full, Buffer.from(String(i)));
        await channel.close();
        await connection.close();
        const [kept, refused] = [await rig.stored(full), await rig.stored(dead)];
        expect(kept.length + refused.length).toBe(40);
        expect(refused.length).toBeGreaterThan(0);
        // the other queue took all of them
        expect(await rig.stored(queue)).toHaveLength(bound ? 40 : 0);
        expect(await rig.figures(bound ? exchange : full)).toEqual(
          mode === 'confirms'
            ? { 'publish success': kept.length, 'publish failed': refused.length }
            : { 'publish success': 40 },
        );
        expect(await rig.losses(bound ? exchange : full)).toEqual([]);
      });

      test('full, after one of its name dead-lettered what it refused: lost where confirms tell', async () => {
        const { connection, channel } = await channelOf(rig);
        const full = unique('full');
        const declare = (more: Record<string, string>) => channel.assertQueue(full, { maxLength: 5, arguments: more });
        await declare({ 'x-overflow': 'reject-publish-dlx', 'x-dead-letter-exchange': 'amq.fanout' });
        await channel.deleteQueue(full);
        await declare({ 'x-overflow': 'reject-publish' });
        for (let i = 0; i < 40; i++) channel.sendToQueue(full, Buffer.from(String(i)));
        await channel.close();
        await connection.close();
        const kept = (await rig.stored(full)).length;
        const refused = 40 - kept;
        expect(refused).toBeGreaterThan(0);
        expect(await rig.figures(full)).toEqual(
          mode === 'confirms'
            ? { 'publish success': kept, 'publish failed': refused, 'publish lost nacked': refused }
            : { 'publish success': 40 },
        );
      });

      test.each([
        ['full, drop-head', { 'x-max-length': 5 }],
        ['expired at once', { 'x-message-ttl': 0 }],
      ])('%s: each was taken, no single sidecar sees it go', async (_, queueArguments) => {
        const { exchange, queue } = await topology(rig, queueArguments);
        const { connection, channel } = await channelOf(rig);
        const sent = new Published();
        for (let i = 0; i < 40; i++) sent.publish(channel, exchange, 'good');
        await channel.close();
        await connection.close();
        await compare(exchange, sent, { 'publish success': 40 }, []);
        expect((await rig.stored(queue)).length).toBeLessThanOrEqual(5);
      });
    });

    describe('a client that publishes and leaves', () => {
      const COUNT = 500;
      const publishes = (exchange: string): Buffer[] =>
        Array.from({ length: COUNT }, (_, i) =>
          publish(1, { exchange, key: 'good', body: String(i), persistent: true }),
        );

      test.each([
        ['channel.close', (client: RawClient) => client.send(request.closeChannel(1))],
        ['connection.close', (client: RawClient) => client.send(request.closeConnection())],
        ['both at once', (client: RawClient) => client.send(request.closeChannel(1), request.closeConnection())],
      ])('with %s: every message has its outcome', async (_, leave) => {
        const { exchange, queue } = await topology(rig);
        const client = await rawClient(rig);
        client.send(...publishes(exchange));
        leave(client);
        const answer = await client.next();
        expect(['20.41', '10.51']).toContain(nameOf(answer));
        if (nameOf(answer) === '20.41') await (client.frames.length > 0 ? client.take(10, 51) : client.close());
        client.socket.destroy();
        expect(await rig.figures(exchange)).toEqual({ 'publish success': COUNT });
        expect(await rig.stored(queue)).toHaveLength(COUNT);
      });

      test('with a FIN and no close', async () => {
        const { exchange, queue } = await topology(rig);
        const client = await rawClient(rig);
        client.send(...publishes(exchange));
        client.socket.end();
        await until(() => client.ended, 'the connection has ended');
        const figures = await rig.figures(exchange);
        if (mode === 'confirms') {
          expect(figures).toEqual({ 'publish success': COUNT });
          expect(await rig.stored(queue)).toHaveLength(COUNT);
        } else if (mode === 'off') expect(figures).toEqual({ 'publish success': COUNT });
        else expect(figures).toEqual({ 'publish unknown connection_lost': COUNT });
      });

      test('with a reset: what had come is confirmed, the rest is nobody’s', async () => {
        const { exchange, queue } = await topology(rig);
        const client = await rawClient(rig);
        await new Promise<void>((resolve) => client.socket.write(Buffer.concat(publishes(exchange)), () => resolve()));
        client.socket.resetAndDestroy();
        const figures = await rig.figures(exchange);
        const { 'publish success': success = 0, 'publish unknown connection_lost': unknown = 0, ...rest } = figures;
        expect(rest).toEqual({});
        expect(success + unknown).toBeLessThanOrEqual(COUNT);
        const stored = (await rig.stored(queue)).length;
        expect(stored).toBeLessThanOrEqual(success + unknown);
        if (mode === 'confirms') expect([success, unknown]).toEqual([stored, 0]);
      });
    });

    describe('exempt clients', () => {
      test('are never shadowed: what is unroutable goes as they asked', async () => {
        const { exchange } = await topology(rig);
        const { connection, channel } = await channelOf(rig, { connection_name: 'never-shadowed' });
        for (let i = 0; i < 10; i++) channel.publish(exchange, i === 0 ? 'wrong' : 'good', Buffer.from('x'));
        await channel.checkExchange(exchange);
        await connection.close();
        expect(await rig.figures(exchange)).toEqual({ 'publish success': 10 });
      });
    });
  },
  { config: CONFIG },
);
