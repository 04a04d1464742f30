import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { run } from '../../testing/processes.ts';
import { confirmChannel, consumer, get, text } from './amqplib.ts';
import { bothWays } from './ways.ts';

bothWays((broker) => {
  const tool = (name: string, args: string[], input: string | Buffer = '') =>
    run(name, ['-u', broker.url, ...args], { input });

  describe('amqp-tools (rabbitmq-c)', () => {
    test('a queue is declared, published to, got from and deleted', async () => {
      expect(await tool('amqp-declare-queue', ['-q', 'tools', '-d'])).toMatchObject({
        code: 0,
        stdout: Buffer.from('tools\n'),
      });
      expect(await tool('amqp-publish', ['-r', 'tools', '-b', 'hello'])).toMatchObject({ code: 0, stderr: '' });
      expect(await tool('amqp-get', ['-q', 'tools'])).toMatchObject({ code: 0, stdout: Buffer.from('hello') });
      expect(await tool('amqp-get', ['-q', 'tools'])).toMatchObject({ code: 2, stdout: Buffer.alloc(0) });
      expect(await tool('amqp-publish', ['-r', 'tools', '-b', 'left'])).toMatchObject({ code: 0, stderr: '' });
      expect(await tool('amqp-delete-queue', ['-q', 'tools'])).toMatchObject({ code: 0, stdout: Buffer.from('1\n') });
    });

    test.each([0, 1, 131_064, 131_065, 1_048_576])('a body of %i bytes goes in and out unchanged', async (size) => {
      const body = randomBytes(size);
      expect(await tool('amqp-declare-queue', ['-q', `tools-${size}`])).toMatchObject({ code: 0 });
      expect(await tool('amqp-publish', ['-r', `tools-${size}`], body)).toMatchObject({ code: 0, stderr: '' });
      const { code, stdout } = await tool('amqp-get', ['-q', `tools-${size}`]);
      expect(code).toBe(0);
      expect(stdout.equals(body)).toBe(true);
    });

    test('properties and headers arrive as they were given', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      await ch.bindQueue(queue, 'amq.topic', 'a.#');
      const flags = ['-C', 'text/plain', '-E', 'identity', '-t', 'replies', '-p', '-H', 'own: header', '-H', 'n: 7'];
      expect(await tool('amqp-publish', ['-e', 'amq.topic', '-r', 'a.b', ...flags, '-b', 'x'])).toMatchObject({
        code: 0,
      });
      const message = (await (await consumer(ch, queue, { noAck: true })).first(1))[0];
      expect(message.fields).toMatchObject({ exchange: 'amq.topic', routingKey: 'a.b', redelivered: false });
      expect(message.properties).toMatchObject({
        contentType: 'text/plain',
        contentEncoding: 'identity',
        replyTo: 'replies',
        deliveryMode: 2,
      });
      expect(broker.asSent(message.properties.headers)).toEqual({ own: 'header', n: '7' });
      expect(text(message)).toBe('x');
    });

    test('a consumer acks what its command accepted', async () => {
      const ch = await confirmChannel(broker.url);
      await ch.assertQueue('tools-consume', { durable: false });
      for (const line of ['one\n', 'two\n', 'three\n']) ch.sendToQueue('tools-consume', Buffer.from(line));
      await ch.waitForConfirms();
      const { code, stdout } = await tool('amqp-consume', ['-q', 'tools-consume', '-c', '2', '-p', '1', 'cat']);
      expect([code, stdout.toString()]).toEqual([0, 'one\ntwo\n']);
      expect(text(await get(ch, 'tools-consume', { noAck: true }))).toBe('three\n');
      expect(await ch.deleteQueue('tools-consume')).toEqual({ messageCount: 0 });
    });

    test('lines become messages', async () => {
      const ch = await confirmChannel(broker.url);
      const { queue } = await ch.assertQueue('', { exclusive: true });
      expect(await tool('amqp-publish', ['-r', queue, '-l'], 'a\nb\nc\n')).toMatchObject({ code: 0 });
      expect((await (await consumer(ch, queue, { noAck: true })).first(3)).map(text)).toEqual(['a\n', 'b\n', 'c\n']);
    });

    test('a refusal is told with its code and text', async () => {
      const refused = await tool('amqp-get', ['-q', 'none']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(
        `server channel error 404, message: NOT_FOUND - no queue 'none' in vhost '${broker.vhost.name}'`,
      );
      const stranger = await run('amqp-get', ['-u', broker.url.replace('guest:guest', 'guest:wrong'), '-q', 'none']);
      expect(stranger.code).toBe(1);
      expect(stranger.stderr).toContain('ACCESS_REFUSED');
    });
  });
});
