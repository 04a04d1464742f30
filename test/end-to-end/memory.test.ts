import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { entry, string, table } from '../../testing/wire.ts';
import { Site } from './apps.ts';

const MiB = 2 ** 20;
const LIMIT = 150 * MiB;
/** Bodies from 64 KiB to 1 MiB, 520 KiB each on average. */
const SIZES = [64, 1024, 300, 700, 512].map((KiB) => KiB * 1024);
const ROUND = SIZES.reduce((sum, size) => sum + size);

let broker: RabbitMQ;
let vhost: Vhost;
let site: Site;

beforeAll(async () => {
  broker = await startRabbitMQ();
  vhost = await createVhost({ port: broker.port, managementPort: broker.management.port });
  site = new Site(vhost);
});

afterAll(async () => {
  await site?.stop();
  await broker?.stop();
});

/** The most memory that the process ever had resident, in bytes. */
function peak({ pid }: Tracehare): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Writes so many rounds of messages, as fast as they are taken. */
async function write({ socket }: RawClient, queue: string, rounds: number): Promise<void> {
  const messages = SIZES.map((size) => publish(1, { exchange: '', key: queue, body: Buffer.alloc(size, 'x') }));
  for (let round = 0; round < rounds; round++) {
    for (const message of messages) {
      if (!socket.write(message)) await new Promise((resolve) => socket.once('drain', resolve));
    }
  }
}

/** The close is answered after all before it, which takes as long as the broker's disk does. */
async function closed(producer: RawClient): Promise<void> {
  producer.send(request.closeConnection());
  await until(() => producer.frames.length > 0, 'the close is answered', 60_000);
  await producer.take(10, 51);
  producer.socket.destroy();
}

/** From now on only the bytes are counted. */
function countBytes(socket: Socket): () => number {
  let bytes = 0;
  socket.removeAllListeners('data');
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  return () => bytes;
}

const succeeded = async (sidecar: Tracehare, side: string): Promise<number> =>
  (await sidecar.metrics()).sum('event_throughput_total', { side, status: 'success' });

test('a consumer that never reads and 1 GiB for it: every sidecar stays under 150 MiB', async () => {
  const rounds = Math.ceil(2 ** 30 / ROUND);
  const messages = rounds * SIZES.length;
  const queue = 'never-read';
  const front = await site.sidecar();
  const back = await site.sidecar();
  const consumer = await RawClient.open({ port: back.port, vhost: vhost.name });
  // on disk: the broker holds what the consumer doesn't take
  await consumer.call(request.declare(1, queue, [string('x-queue-mode', 'lazy')]), 50, 11);
  await consumer.call(request.consume(1, queue, 'sleeper', true), 60, 21);
  const read = countBytes(consumer.socket);
  consumer.socket.pause();

  const producer = await RawClient.open({ port: front.port, vhost: vhost.name });
  await write(producer, queue, rounds);
  await closed(producer);
  await until(async () => (await succeeded(front, 'publish')) === messages, 'all has been published');
  // what is between the broker and the consumer is what sockets hold: tens of MiB at most
  const passed = (await back.metrics()).sum('tracehare_relay_bytes_total', { direction: 'downstream' });
  expect(passed).toBeLessThan(100 * MiB);
  expect(await succeeded(back, 'consume')).toBeLessThan(messages / 5);
  expect(peak(back)).toBeLessThan(LIMIT);
  expect(peak(front)).toBeLessThan(LIMIT);

  // It reads after all: nothing is missing, and the memory it takes to catch up is no more.
  consumer.socket.resume();
  await until(() => read() > rounds * ROUND, 'all has been read', 60_000);
  await until(async () => (await succeeded(back, 'consume')) === messages, 'all has been counted');
  consumer.socket.destroy();
  expect(peak(back)).toBeLessThan(LIMIT);
});

test('a publisher that keeps writing to an alarmed broker is not read from, and flows on after', async () => {
  const rounds = Math.ceil((256 * MiB) / ROUND);
  const messages = rounds * SIZES.length;
  const queue = 'alarmed';
  const sidecar = await site.sidecar();
  const capabilities = entry('capabilities', 'F', table([entry('connection.blocked', 't', Buffer.of(1))]));
  const producer = await RawClient.open({ port: sidecar.port, vhost: vhost.name, properties: [capabilities] });
  await producer.call(request.declare(1, queue, [string('x-queue-mode', 'lazy')]), 50, 11);
  const figure = async (name: string, labels = {}) => (await sidecar.metrics()).sum(name, labels);
  const upstream = () => figure('tracehare_relay_bytes_total', { direction: 'upstream' });

  await broker.ctl('set_vm_memory_high_watermark', '0.000001');
  let done = false;
  const written = write(producer, queue, rounds).then(() => {
    done = true;
  });
  await producer.take(10, 60);
  let [last, same] = [-1, 0];
  await until(async () => {
    const now = await upstream();
    same = now === last && producer.socket.writableNeedDrain ? same + 1 : 0;
    last = now;
    return same === 20;
  }, 'nothing moves any more');
  expect(done).toBe(false);
  expect(last).toBeLessThan(rounds * ROUND);
  const blocked = await figure('tracehare_blocked_seconds_total');
  expect(blocked).toBeGreaterThan(0);
  await until(
    async () => (await figure('tracehare_blocked_seconds_total')) > blocked,
    'the time goes on being counted',
  );
  expect(await upstream()).toBe(last);
  expect(peak(sidecar)).toBeLessThan(LIMIT);

  await broker.ctl('set_vm_memory_high_watermark', 'absolute', '64GB');
  await producer.take(10, 61);
  await written;
  await closed(producer);
  await until(async () => (await succeeded(sidecar, 'publish')) === messages, 'all has been published');
  const reader = await site.channel(vhost.port);
  await until(async () => (await reader.checkQueue(queue)).messageCount === messages, 'all is in the queue');
  await reader.deleteQueue(queue);
  expect(peak(sidecar)).toBeLessThan(LIMIT);
});
