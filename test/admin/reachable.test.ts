import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from '../../src/app/log.ts';
import { Upstreams } from '../../src/app/upstreams.ts';
import type { Config } from '../../src/config/config.ts';
import { freePort } from '../../testing/ports.ts';
import { until } from '../../testing/wait.ts';

const log = { info: vi.fn(), warn: vi.fn() } as unknown as Logger;
let dials = 0;
const broker = createServer((socket) => {
  dials++;
  socket.destroy();
});
const at = { now: 5000 };

beforeEach(async () => {
  dials = 0;
  broker.listen(0, '127.0.0.1');
  await once(broker, 'listening');
});
afterEach(async () => {
  broker.close();
  await once(broker, 'close');
});

const brokerPort = (): number => (broker.address() as AddressInfo).port;

function upstreams(...ports: number[]): Upstreams {
  const servers = ports.map((port) => ({ host: '127.0.0.1', port, tls: false }));
  const config: Config['upstream'] = { servers, tls: { verify: true }, connectTimeout: 5000 };
  return new Upstreams(config, log, () => at.now);
}

test('whether the broker can be reached is asked once a second at most', async () => {
  const asked = upstreams(brokerPort());
  const answers: (string | undefined)[] = [];
  for (let i = 0; i < 10; i++) answers.push(await asked.reachable());
  at.now += 1000;
  answers.push(await asked.reachable());
  expect(answers).toEqual(Array(11).fill(undefined));
  await until(() => dials === 2, 'the broker was dialled so often');
});

test('so is why it cannot, and a broker that is back is found again', async () => {
  const port = await freePort();
  const asked = upstreams(port);
  expect(await asked.reachable()).toMatch(/^upstream 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  const back = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(back, 'listening');
  expect(await asked.reachable()).toMatch(/ECONNREFUSED/);
  at.now += 1000;
  expect(await asked.reachable()).toBeUndefined();
  back.close();
});

test('a connection that an app was just given tells it without a dial', async () => {
  const port = await freePort();
  const asked = upstreams(await freePort(), port);
  asked.dialled(`127.0.0.1:${port}`, undefined);
  expect(await asked.reachable()).toBeUndefined();
  at.now += 1000;
  expect(await asked.reachable()).toMatch(/ECONNREFUSED/);
});

test('one that an app was just refused makes the next who asks try for itself', async () => {
  const port = await freePort();
  const asked = upstreams(port);
  asked.dialled(`127.0.0.1:${port}`, undefined);
  expect(await asked.reachable()).toBeUndefined();
  asked.dialled(`127.0.0.1:${port}`, 'connect ECONNREFUSED');
  expect(await asked.reachable()).toMatch(/ECONNREFUSED/);
});

test('one that failed behind the TCP connection, as by its certificate, does not', async () => {
  const asked = upstreams(brokerPort());
  asked.dialled(`127.0.0.1:${brokerPort()}`, 'certificate has expired');
  expect(await asked.reachable()).toBeUndefined();
  await until(() => dials === 1, 'the broker was dialled so often');
});
