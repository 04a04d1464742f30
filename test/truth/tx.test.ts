import { afterAll, beforeAll, expect, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { bits, method, short, u16, u64 } from '../../testing/wire.ts';
import { bodyOf } from './bodies.ts';
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

const open = async (channels: number): Promise<RawClient> => {
  const client = await RawClient.open({ port: sidecar.port, vhost: vhost.name }, channels);
  for (let id = 1; id <= channels; id++) await client.call(request.txSelect(id), 90, 11);
  return client;
};
const commit = (client: RawClient, id: number) => client.call(request.txCommit(id), 90, 21);
const rollback = (client: RawClient, id: number) => client.call(request.txRollback(id), 90, 31);
const closeChannel = (client: RawClient, id: number) => client.call(request.closeChannel(id), 20, 41);

test('what is committed counts, what is rolled back or never committed does not: publishes and settlements', async () => {
  const count = new Count({ pipeline: vhost.name, serverPort: vhost.port });
  let next = 0;
  const message = (id: number, index: number) => publish(id, { exchange: '', key: 'ledger', body: bodyOf(index) });
  const app = await open(3);
  await app.call(request.declare(1, 'ledger'), 50, 11);

  const say = (id: number, messages: number): number[] => {
    const indices = Array.from({ length: messages }, () => next++);
    app.send(...indices.map((index) => message(id, index)));
    return indices;
  };
  const stored: number[] = [];
  for (let burst = 0; burst < 20; burst++) {
    const first = say(1, 1 + burst * 7);
    const second = say(2, 30);
    const [kept, dropped] = burst % 3 === 0 ? [2, 1] : [1, 2];
    await commit(app, kept);
    await rollback(app, dropped);
    stored.push(...(kept === 1 ? first : second));
  }
  for (const index of stored) {
    count.published('ledger', bodyOf(index).length);
    count.publishEnded('ledger');
  }

  // channels that end in front of their commit, and an app that does
  say(2, 40);
  await closeChannel(app, 2);
  say(3, 40);
  const gone = await open(1);
  gone.send(message(1, 0));
  gone.socket.resetAndDestroy();
  await closeChannel(app, 1);
  await app.close();

  // settlements: those under a commit, those taken back, and those that end with their channel
  const reader = await open(1);
  const get = method(1, 60, 70, u16(0), short('ledger'), bits(false));
  reader.send(...stored.map(() => get));
  for (const index of stored) {
    await reader.take(60, 71);
    const bytes = await contentOf(reader);
    expect(bytes.equals(bodyOf(index))).toBe(true);
    count.delivered('ledger', bytes.length, { redelivered: false, got: true });
  }
  const ack = (tag: number, multiple: boolean) => reader.send(method(1, 60, 80, u64(tag), bits(multiple)));
  const reject = (tag: number, requeue: boolean) => reader.send(method(1, 60, 90, u64(tag), bits(requeue)));
  ack(100, true);
  reject(101, false);
  await commit(reader, 1);
  for (let tag = 1; tag <= 100; tag++) count.acked('ledger', 'ledger');
  count.rejected('ledger', 'ledger');
  ack(150, true);
  reject(151, false);
  await rollback(reader, 1);
  ack(102, false);
  reject(103, true);
  await commit(reader, 1);
  count.acked('ledger', 'ledger');
  count.requeued('ledger', 'reject');
  ack(0, true);
  await closeChannel(reader, 1);
  for (let tag = 104; tag <= stored.length; tag++) count.requeued('ledger', 'channel_closed');
  await reader.close();

  const metrics = await until(async () => {
    const now = await sidecar.metrics();
    return now.sum('tracehare_connections') === 0 && now;
  }, 'all connections are gone');
  expect(sorted(figuresOf(metrics))).toEqual(sorted(count.figures));
  expect(metrics.sum('tracehare_unsettled_deliveries')).toBe(0);
  expect(stored.length).toBeGreaterThan(500);
});

/** A content header and all of its body frames. */
async function contentOf(client: RawClient): Promise<Buffer> {
  const header = await client.next();
  const parts: Buffer[] = [];
  for (let missing = Number(header.readBigUInt64BE(11)); missing > 0; ) {
    const part = (await client.next()).subarray(7, -1);
    parts.push(part);
    missing -= part.length;
  }
  return Buffer.concat(parts);
}
