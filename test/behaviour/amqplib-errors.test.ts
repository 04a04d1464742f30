import { type Channel, connect } from 'amqplib';
import { describe, expect, test } from 'vitest';
import { channel, closeOf, connection, consumer } from './amqplib.ts';
import { bothWays } from './ways.ts';

bothWays((broker, onRabbitMQ) => {
  /** Code and text with which the broker closes the channel on which `act` was done. */
  async function closedBy(act: (on: Channel) => unknown): Promise<[number | undefined, string]> {
    const on = await channel(broker.url);
    const closed = closeOf(on);
    await Promise.resolve(act(on)).catch(() => {}); // the reply fails too, with the same words
    const error = await closed;
    return [error.code, /with message "(.*)"$/.exec(error.message)?.[1] ?? error.message];
  }
  const vhost = () => broker.vhost.name;

  describe('amqplib: what the broker refuses', () => {
    test('passive declare of a queue that is not there: 404', async () => {
      expect(await closedBy((on) => on.checkQueue('none'))).toEqual([
        404,
        `NOT_FOUND - no queue 'none' in vhost '${vhost()}'`,
      ]);
    });

    test('passive declare of an exchange that is not there: 404', async () => {
      expect(await closedBy((on) => on.checkExchange('none'))).toEqual([
        404,
        `NOT_FOUND - no exchange 'none' in vhost '${vhost()}'`,
      ]);
    });

    test('consuming from and getting from a queue that is not there: 404', async () => {
      const refused = [404, `NOT_FOUND - no queue 'none' in vhost '${vhost()}'`];
      expect(await closedBy((on) => on.consume('none', () => {}))).toEqual(refused);
      expect(await closedBy((on) => on.get('none'))).toEqual(refused);
    });

    test('declaring with other arguments: 406', async () => {
      const on = await channel(broker.url);
      await on.assertQueue('fixed', { durable: false });
      expect(await closedBy((other) => other.assertQueue('fixed', { durable: true }))).toEqual([
        406,
        `PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'fixed' in vhost '${vhost()}': received 'true' but current is 'false'`,
      ]);
      await on.deleteQueue('fixed');
    });

    test('a reserved name: 403', async () => {
      expect(await closedBy((on) => on.assertQueue('amq.mine'))).toEqual([
        403,
        `ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'`,
      ]);
    });

    test("another connection's exclusive queue: 405", async () => {
      const owner = await channel(broker.url);
      const { queue } = await owner.assertQueue('', { exclusive: true });
      const [code, text] = await closedBy((on) => on.checkQueue(queue));
      expect(code).toBe(405);
      expect(text).toContain(`RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}'`);
    });

    test('a second consumer beside an exclusive one: 403', async () => {
      const owner = await channel(broker.url);
      await owner.assertQueue('alone', { durable: false });
      await consumer(owner, 'alone', { exclusive: true });
      expect(await closedBy((on) => on.consume('alone', () => {}))).toEqual([
        403,
        `ACCESS_REFUSED - queue 'alone' in vhost '${vhost()}' in exclusive use`,
      ]);
      await owner.deleteQueue('alone');
    });

    onRabbitMQ(() => {
      test('publishing where one may not: 403', async () => {
        const { management } = broker.vhost;
        const user = `limited-${vhost()}`;
        await management.createUser(user, 'secret', vhost(), '^allowed$');
        try {
          const link = await connection(broker.url.replace('guest:guest', `${user}:secret`));
          const on = await link.createChannel();
          const closed = closeOf(on);
          on.publish('amq.topic', 'key', Buffer.from('x'));
          const error = await closed;
          expect(error.code).toBe(403);
          // since RabbitMQ 4: "write access to exchange"
          expect(error.message).toContain('ACCESS_REFUSED - ');
          expect(error.message).toContain(
            `access to exchange 'amq.topic' in vhost '${vhost()}' refused for user '${user}'`,
          );
        } finally {
          await management.deleteUser(user);
        }
      });
    });

    test('an unknown exchange type closes the connection: 503; since RabbitMQ 4 the channel: 406', async () => {
      const link = await connection(broker.url);
      const on = await link.createChannel();
      const closed = new Promise<Error>((resolve) => {
        link.once('error', resolve);
        on.once('error', resolve);
      });
      on.on('error', () => {});
      await expect(on.assertExchange('odd', 'x-unknown')).rejects.toThrow();
      expect([
        `Connection closed: 503 (COMMAND-INVALID) with message "COMMAND_INVALID - unknown exchange type 'x-unknown'"`,
        `Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - unknown exchange type 'x-unknown'"`,
      ]).toContain((await closed).message);
    });

    test('what one channel did wrong does not touch the others', async () => {
      const link = await connection(broker.url);
      const [bad, good] = [await link.createChannel(), await link.createChannel()];
      bad.on('error', () => {});
      const { queue } = await good.assertQueue('', { exclusive: true });
      const incoming = await consumer(good, queue);
      await expect(bad.checkQueue('none')).rejects.toThrow('404');
      good.sendToQueue(queue, Buffer.from('alive'));
      good.ack((await incoming.first(1))[0]);
      const next = await link.createChannel(); // may reuse the number of the closed one
      expect((await next.assertQueue('', { exclusive: true })).messageCount).toBe(0);
    });
  });

  describe('amqplib: who is not let in', () => {
    const failure = (url: string) =>
      connect(url).then(
        () => 'connected',
        (error: Error) => error.message,
      );

    test('with a wrong password', async () => {
      expect(await failure(broker.url.replace('guest:guest', 'guest:wrong'))).toBe(
        'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."',
      );
    });

    test('to a vhost that is not there', async () => {
      const message = await failure(`amqp://guest:guest@${broker.host}:${broker.port}/nowhere`);
      // amqplib does not look into the close it did not expect
      expect(message).toBe('Expected ConnectionOpenOk; got <ConnectionClose channel:0>');
    });
  });
});
