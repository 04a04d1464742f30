import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Crowd } from '../../src/admin/crowd.ts';
import { Places } from '../../src/admin/places.ts';
import { until } from '../../testing/wait.ts';
import { ask, start } from './serving.ts';

const MAX_CONNECTIONS = 128;

const OPEN: Socket[] = [];
afterEach(() => {
  for (const socket of OPEN.splice(0)) socket.destroy();
});

/** A client that has sent this; it reads only what the kernel takes from it. */
async function client(address: string, says = '', localAddress = '127.0.0.1'): Promise<Socket> {
  const port = Number(address.split(':').at(-1));
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => {});
  OPEN.push(socket);
  await once(socket, 'connect');
  if (says !== '') socket.write(says);
  return socket;
}

async function clients(count: number, address: string, says = ''): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) sockets.push(await client(address, says));
  return sockets;
}

/** A document without end, and how many of them are being written. */
function endless() {
  const under = { way: 0, began: 0 };
  async function* body(): AsyncIterable<string> {
    under.way++;
    under.began++;
    try {
      for (;;) yield 'things_total 1\n'.repeat(10_000);
    } finally {
      under.way--;
    }
  }
  return { under, metrics: () => ({ contentType: 'text/plain', body: body() }) };
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

describe('health is answered', () => {
  test.each([
    ['that have asked once and stay', GET('/livez')],
    ['that say nothing', ''],
    ['that send their headers byte by byte', 'GET /livez HTTP/1.1\r\nHos'],
  ])('beside more clients than there are places %s', async (_, says) => {
    const { address } = await start();
    await clients(MAX_CONNECTIONS + 20, address, says);
    for (let i = 0; i < 3; i++) expect(await ask(address, '/livez')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  test('beside more clients than there are places that read nothing of /metrics', async () => {
    const { under, metrics } = endless();
    const { address } = await start({ metrics });
    await clients(MAX_CONNECTIONS + 20, address, GET('/metrics'));
    await until(() => under.began > MAX_CONNECTIONS, 'they are being answered');
    expect((await ask(address, '/livez')).status).toBe(200);
    // each holds a copy of all figures
    await until(() => under.way <= 8, 'few are still written');
  });
});

test('the connections of whoever has most are closed, not those of others', async () => {
  const { under, metrics } = endless();
  const { address } = await start({ metrics });
  const scraper = await client(address, GET('/metrics'), '127.0.0.9');
  const idle = await client(address, GET('/livez'), '127.0.0.8');
  await once(idle, 'data');
  await until(() => under.way === 1, 'the scraper is being answered');
  const many = await clients(MAX_CONNECTIONS + 20, address, GET('/metrics'));
  many[0].resume();
  await until(() => many[0].destroyed, 'the first of them is closed');
  expect((await ask(address, '/livez')).status).toBe(200);
  expect(under.way).toBeGreaterThan(0);
  idle.write(GET('/livez'));
  await once(idle, 'data');
  // what it reads goes on and on
  let bytes = 0;
  scraper.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await until(() => bytes > 50_000_000, 'the scraper reads on');
});

test('a client that asks on before it is answered is cut off: nothing more is made for it', async () => {
  const { under, metrics } = endless();
  const { address } = await start({ metrics });
  const socket = await client(address, GET('/metrics').repeat(500));
  socket.resume();
  await once(socket, 'close');
  expect(under.began).toBeLessThanOrEqual(1);
  await until(() => under.way === 0, 'nothing is written any more');
  expect((await ask(address, '/livez')).status).toBe(200);
});

test('a client that reads its answer for longer than it may is cut off, one that asks often is not', async () => {
  const server = createServer((request, response) => {
    if (!crowd.answers(request.socket, response)) return;
    // headers at once, and an end that never comes
    if (request.url === '/slow') response.write('a');
    else response.end('ok');
  });
  const crowd = new Crowd(server, 200);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const quick = await client(address);
  const slow = await client(address, GET('/slow'));
  slow.resume();
  while (!slow.destroyed) {
    quick.write(GET('/quick'));
    expect(String((await once(quick, 'data'))[0])).toContain('200 OK');
  }
  server.close();
  server.closeAllConnections();
});

test('one connection is used for many requests, one after the other', async () => {
  const { address } = await start();
  const socket = await client(address);
  for (let i = 0; i < 50; i++) {
    socket.write(GET('/livez'));
    const [data] = await once(socket, 'data');
    expect(String(data)).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok\n$/);
  }
});

describe('places', () => {
  function places(limit: number, ranks: Record<string, number> = {}) {
    const gone: string[] = [];
    return {
      gone,
      places: new Places<string>(
        limit,
        (holder) => gone.push(holder),
        (holder) => ranks[holder] ?? 0,
      ),
    };
  }

  test('are given to all who come; of those who hold most, the oldest goes', () => {
    const { gone, places: some } = places(4);
    for (const [holder, peer] of [
      ['a1', 'a'],
      ['b1', 'b'],
      ['b2', 'b'],
      ['a2', 'a'],
    ])
      some.take(holder, peer);
    expect(gone).toEqual([]);
    some.take('b3', 'b');
    some.take('c1', 'c');
    expect(gone).toEqual(['b1', 'a1']);
  });

  test('are taken from the lowest rank first', () => {
    const { gone, places: some } = places(3, { first: 2, second: 1, third: 1 });
    for (const holder of ['first', 'second', 'third', 'fourth']) some.take(holder, 'a');
    some.take('fifth', 'a');
    expect(gone).toEqual(['second', 'fourth']);
  });

  test('that were left are free', () => {
    const { gone, places: some } = places(2);
    some.take('a', 'x');
    some.take('b', 'x');
    some.leave('a');
    some.take('c', 'x');
    expect(gone).toEqual([]);
  });

  test('are never taken from whoever just came, if there is another', () => {
    const { gone, places: some } = places(1, { new: -1 });
    some.take('old', 'x');
    some.take('new', 'x');
    expect(gone).toEqual(['old']);
  });
});
