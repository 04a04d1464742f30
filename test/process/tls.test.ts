import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pikaPython } from '../../scripts/provision.mjs';
import type { Metrics } from '../../testing/metrics.ts';
import { run } from '../../testing/processes.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { consumeAll } from '../../testing/traffic.ts';
import { atEnd } from './closing.ts';
import { idle } from './rig.ts';

/** The certificate rules themselves are tested in test/tls: here it is what passes through TLS. */
let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

async function start(tls: boolean): Promise<Tracehare> {
  const { ca, server } = broker.certificates as NonNullable<RabbitMQ['certificates']>;
  const config = `
listen: { address: 127.0.0.1:0, tls: { cert: ${server.cert}, key: ${server.key} } }
upstream: { urls: ['amqps://localhost:${broker.tlsPort}'], tls: { ca: ${ca} } }`;
  const sidecar = await startTracehare(tls ? { config } : { upstream: `amqp://127.0.0.1:${broker.port}` });
  atEnd(() => sidecar.kill());
  return sidecar;
}

const ca = (): string => broker.certificates?.ca ?? '';
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Bodies around and far above frame_max and TLS's records, confirmed, consumed and acked; returns if all are whole. */
async function useAmqplib({ port }: Tracehare, tls: boolean): Promise<boolean> {
  const app = await connect(`${tls ? 'amqps' : 'amqp'}://guest:guest@localhost:${port}`, { ca: [readFileSync(ca())] });
  const channel = await app.createConfirmChannel();
  await channel.assertQueue('bodies', { autoDelete: true });
  const bodies = [0, 1, 16_384, 131_064, 131_065, 1_000_000, 8_000_000].map((size, i) => Buffer.alloc(size, i + 1));
  for (const body of bodies) channel.sendToQueue('bodies', body);
  channel.publish('', 'nowhere', Buffer.from('unroutable'), { mandatory: true });
  await channel.waitForConfirms();
  const got: string[] = [];
  for (const message of await consumeAll(channel, 'bodies', bodies.length)) got.push(hash(message.content));
  await channel.checkQueue('bodies');
  await app.close();
  return got.join() === bodies.map(hash).join();
}

function counts(metrics: Metrics): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, labels, value } of metrics.samples) {
    // how many deliveries prove their handler's time depends on which of them wait for the one before
    if (/^event_(handler|prefetch_wait)_/.test(name)) continue;
    if (!/^(event_|messaging_).*(_total|_count)$|^tracehare_(connections|channels|unobserved)/.test(name)) continue;
    // the upstream is called by its name here and by its address there
    const { server_address: _, server_port: __, ...rest } = labels;
    if (value !== 0) found[`${name} ${JSON.stringify(rest)}`] = value;
  }
  return found;
}

test('amqplib over TLS on both sides: bodies are whole, and figures are those of the same without TLS', async () => {
  const shown: Record<string, number>[] = [];
  for (const tls of [false, true]) {
    const sidecar = await start(tls);
    expect(await useAmqplib(sidecar, tls)).toBe(true);
    await idle(sidecar);
    shown.push(counts(await sidecar.metrics()));
  }
  expect(shown[1]).toEqual(shown[0]);
  expect(Object.keys(shown[0]).length).toBeGreaterThan(10);
});

const PIKA = `
import pika, ssl, sys
parameters = pika.ConnectionParameters('localhost', int(sys.argv[1]),
    ssl_options=pika.SSLOptions(ssl.create_default_context(cafile=sys.argv[2]), 'localhost'))
connection = pika.BlockingConnection(parameters)
channel = connection.channel()
channel.confirm_delivery()
queue = channel.queue_declare('', exclusive=True).method.queue
channel.basic_publish('', queue, b'p' * 3000000)
method, properties, body = channel.basic_get(queue)
channel.basic_ack(method.delivery_tag)
connection.close()
print(len(body), sorted(properties.headers))
`;

test('pika over TLS on both sides', async () => {
  const sidecar = await start(true);
  const { code, stdout, stderr } = await run(pikaPython() ?? 'python3', ['-c', PIKA, String(sidecar.port), ca()]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.toString().trim()).toBe("3000000 ['traceparent', 'x-tracehare-sent']");
  await idle(sidecar);
  expect((await sidecar.metrics()).sum('event_throughput_total', { status: 'success' })).toBe(2);
});
