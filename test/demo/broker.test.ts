import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { connect } from 'amqplib';
import { afterEach, expect, test } from 'vitest';
import { type Broker, startBroker } from '../../src/demo/broker/broker.ts';
import { RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { AMQP_1_0, entry, isMethod, PROTOCOL, string, table } from '../../testing/wire.ts';
import { consume, declareQueue, publish, purge, Witness } from './both-brokers.ts';

// What the demo's broker does otherwise than RabbitMQ, or where the two can't be asked alike.

let broker: Broker;
afterEach(() => broker?.stop());
const site = () => ({ port: broker.port, vhost: '/' });

test('says what it is, and what it is for', async () => {
  broker = await startBroker();
  const link = await connect(`amqp://guest:guest@127.0.0.1:${broker.port}`);
  expect(link.connection.serverProperties).toMatchObject({
    product: 'Tracehare demo broker',
    information: expect.stringContaining('For demos and tests only'),
  });
  await link.close();
});

test('says that it has no quorum queues and no streams', async () => {
  broker = await startBroker();
  for (const type of ['quorum', 'stream']) {
    const witness = await Witness.open(site());
    const [close] = await witness.told(declareQueue('q', [string('x-queue-type', type)], ['durable']));
    expect(close).toContain(`NOT_IMPLEMENTED - the demo broker has no queues of type '${type}', only classic ones`);
    witness.client.socket.destroy();
  }
});

test('answers what is no AMQP 0-9-1 with the header of what it speaks', async () => {
  broker = await startBroker();
  const socket = connectSocket(broker.port, '127.0.0.1');
  socket.write(AMQP_1_0);
  const [answer] = await once(socket, 'data');
  expect(answer).toEqual(PROTOCOL);
  await once(socket, 'close');
});

test('blocks publishers when its queues hold too much, and lets them go on when they do not', async () => {
  broker = await startBroker({ maxBytes: 1000 });
  const capabilities = [entry('capabilities', 'F', table([entry('connection.blocked', 't', Buffer.of(1))]))];
  const publisher = await RawClient.open({ port: broker.port, vhost: '/', properties: capabilities });
  const witness = await Witness.open(site());
  await witness.told(declareQueue('q'));
  publisher.send(publish(1, { exchange: '', key: 'q', body: Buffer.alloc(1001) }));
  await until(() => publisher.frames.some((frame) => isMethod(frame, 10, 60)), 'the publisher is blocked');
  // not read while it is blocked
  publisher.send(publish(1, { exchange: '', key: 'q', body: 'later' }));
  expect(await witness.counts('q')).toContain(String.raw`q\u0000\u0000\u0000\u0001`);
  await witness.told(purge('q'));
  await until(() => publisher.frames.some((frame) => isMethod(frame, 10, 61)), 'the publisher may go on');
  await witness.holds('q', 1);
  publisher.socket.destroy();
  witness.client.socket.destroy();
});

test('gives no more to a consumer that does not read', async () => {
  broker = await startBroker();
  const reader = await Witness.open(site());
  await reader.told(declareQueue('q'));
  await reader.told(consume('q', 't', { noAck: true }));
  reader.client.socket.pause();
  const publisher = await RawClient.open(site());
  await publisher.call(request.confirmSelect(1), 85, 11);
  const body = Buffer.alloc(100_000);
  const MESSAGES = 200;
  for (let i = 0; i < MESSAGES; i++) publisher.send(publish(1, { exchange: '', key: 'q', body }));
  await until(() => publisher.frames.length === MESSAGES, 'all is confirmed');
  const witness = await Witness.open(site());
  await until(async () => {
    const counts = await witness.client.call(declareQueue('q'), 50, 11);
    return counts.readUInt32BE(13) > 0;
  }, 'some wait in the queue');
  reader.client.socket.resume();
  await witness.holds('q', 0);
  await until(() => reader.client.frames.filter((frame) => isMethod(frame, 60, 60)).length === MESSAGES, 'it got all');
  for (const each of [reader.client, publisher, witness.client]) each.socket.destroy();
});

test('its end is told to nobody and cuts off all', async () => {
  broker = await startBroker();
  const client = await RawClient.open(site());
  await broker.stop();
  await until(() => client.ended, 'the connection ended');
  broker = await startBroker();
});
