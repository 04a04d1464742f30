import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Script } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { startAdmin } from '../../src/admin/server.ts';
import type { AdminSources } from '../../src/admin/sources.ts';
import { until } from '../../testing/wait.ts';
import { ask, inPieces, STATE, start } from './serving.ts';

async function* failing(after: number): AsyncIterable<string> {
  for (let i = 0; i < after; i++) yield 'things_total 1\n'.repeat(10_000);
  throw new Error('boom\nsecond line');
}

describe('metrics', () => {
  test('come in the format the Accept header prefers, without a token, off loopback too', async () => {
    const { address } = await start({}, { host: '0.0.0.0', token: 'secret' });
    const answer = await ask(address, '/metrics', { headers: { accept: 'a/b' } });
    expect(answer).toMatchObject({ status: 200, body: 'things_total 1\n', headers: { 'content-type': 'for a/b' } });
  });

  test('are compressed only for who asks', async () => {
    const body = 'things_total 1\n'.repeat(1000);
    const { address } = await start({ metrics: () => ({ contentType: 'text/plain', body: inPieces(body) }) });
    const plain = await ask(address, '/metrics', { headers: { 'accept-encoding': 'br, gzip;q=0' } });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.body).toBe(body);
    const port = Number(address.split(':')[1]);
    const sent = httpRequest({
      port,
      host: '127.0.0.1',
      path: '/metrics',
      headers: { 'accept-encoding': 'gzip' },
    }).end();
    const [response] = await once(sent, 'response');
    const chunks = await response.toArray();
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe(body);
    expect(Buffer.concat(chunks).length).toBeLessThan(body.length / 10);
  });

  test('answer HEAD with the headers of GET and no body', async () => {
    const { address } = await start();
    const [head, get] = [await ask(address, '/metrics', { method: 'HEAD' }), await ask(address, '/metrics')];
    expect(head).toMatchObject({ status: 200, body: '' });
    const { date: _, 'transfer-encoding': __, ...headers } = get.headers;
    expect(head.headers).toMatchObject(headers);
  });

  test('that fail to render are one line of a 500, and the server lives', async () => {
    const { address } = await start({
      metrics: () => ({ contentType: 'text/plain', body: failing(0) }),
    });
    expect(await ask(address, '/metrics')).toMatchObject({ status: 500, body: 'internal error: boom\n' });
    expect((await ask(address, '/livez')).status).toBe(200);
  });

  test('that fail half-way are cut off, so that nobody takes them for whole, and the server lives', async () => {
    const { address } = await start({ metrics: () => ({ contentType: 'text/plain', body: failing(3) }) });
    for (const encoding of ['gzip', 'identity']) {
      await expect(ask(address, '/metrics', { headers: { 'accept-encoding': encoding } })).rejects.toThrow();
    }
    expect((await ask(address, '/livez')).status).toBe(200);
  });

  test('that nobody reads to the end are no longer rendered once the reader has gone', async () => {
    let ended = 0;
    async function* endless(): AsyncIterable<string> {
      try {
        for (;;) yield 'things_total 1\n'.repeat(1000);
      } finally {
        ended++;
      }
    }
    const { address } = await start({ metrics: () => ({ contentType: 'text/plain', body: endless() }) });
    const [host, port] = address.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');
    socket.pause();
    expect((await ask(address, '/livez')).status).toBe(200);
    socket.destroy();
    await until(() => ended === 1, 'nothing is rendered any more');
  });
});

describe('health', () => {
  test('livez is about the process, readyz about apps', async () => {
    const { address } = await start({ ready: () => 'draining' });
    expect(await ask(address, '/livez')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask(address, '/readyz')).toMatchObject({ status: 503, body: 'draining\n' });
  });

  test('readyz asks for the broker only when told to', async () => {
    const { address } = await start({ upstreamReachable: async () => 'broker:5672: connection refused' });
    expect((await ask(address, '/readyz')).status).toBe(200);
    expect(await ask(address, '/readyz?upstream=1')).toMatchObject({
      status: 503,
      body: 'broker:5672: connection refused\n',
    });
  });

  test('many who ask for the broker at a time make one dial', async () => {
    let dials = 0;
    let asked = 0;
    const { address } = await start({
      ready: () => {
        asked++;
        return undefined;
      },
      upstreamReachable: async () => {
        dials++;
        await until(() => asked === 3, 'all three have asked');
        return undefined;
      },
    });
    const answers = await Promise.all([1, 2, 3].map(() => ask(address, '/readyz?upstream=1')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(dials).toBe(1);
  });
});

describe('the page and its state', () => {
  test('need nothing on loopback', async () => {
    const { address } = await start({}, { token: 'secret' });
    const page = await ask(address, '/');
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    const state = await ask(address, '/api/state');
    expect(state.headers['content-type']).toBe('application/json');
    expect(JSON.parse(state.body)).toMatchObject({ ...STATE, peers: [] });
  });

  test('load nothing from elsewhere, and run nothing but the page itself', async () => {
    const { address } = await start();
    const { body, headers } = await ask(address, '/');
    expect(body).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*script-src 'sha256-/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
    for (const [, own] of body.matchAll(/<(?:script|style)>(.*?)<\/(?:script|style)>/gs)) {
      expect(headers['content-security-policy']).toContain(createHash('sha256').update(own).digest('base64'));
    }
    const [, script] = /<script>(.*?)<\/script>/s.exec(body) ?? [];
    expect(() => new Script(script)).not.toThrow();
  });

  test.each(['127.0.0.1', 'localhost:9673', '[::1]:9673', 'tracehare.localhost', '127.9.9.9:1'])(
    'are shown on loopback to Host %s',
    async (host) => {
      const { address } = await start();
      expect((await ask(address, '/api/state', { headers: { host } })).status).toBe(200);
    },
  );

  test.each(['evil.example', 'evil.example:9673', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1'])(
    'are refused on loopback to Host %j: it is how a rebound name looks',
    async (host) => {
      const { address } = await start();
      for (const path of ['/', '/api/state', '/api/none', '/none', '/metrics', '/livez', '/readyz']) {
        expect((await ask(address, path, { headers: { host } })).status).toBe(403);
      }
    },
  );

  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

  test.each(['Bearer s3cr:et', 'bearer s3cr:et', basic('anyone:s3cr:et'), basic(':s3cr:et')])(
    'are shown off loopback to who has the token: %s',
    async (authorization) => {
      const { address } = await start({}, { host: '0.0.0.0', token: 's3cr:et' });
      expect((await ask(address, '/', { headers: { authorization } })).status).toBe(200);
      expect((await ask(address, '/api/state', { headers: { authorization } })).status).toBe(200);
    },
  );

  test.each([
    undefined,
    'Bearer ',
    'Bearer s3cr',
    'Bearer s3cr:et2',
    's3cr:et',
    basic('s3cr:et:x'),
    basic('et'),
    'Basic %',
  ])('are refused off loopback to %s, and browsers are asked', async (authorization) => {
    const { address } = await start({}, { host: '0.0.0.0', token: 's3cr:et' });
    const answer = await ask(address, '/', { headers: authorization === undefined ? {} : { authorization } });
    expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="tracehare"' } });
    expect(answer.body).not.toContain('s3cr');
  });

  test('are shown to who has the newer token once there is one', async () => {
    const { address, configure } = await start({}, { host: '0.0.0.0', token: 'old' });
    const status = async (token: string) =>
      (await ask(address, '/api/state', { headers: { authorization: `Bearer ${token}` } })).status;
    configure({ token: 'new' });
    expect([await status('old'), await status('new')]).toEqual([401, 200]);
    configure({});
    expect(await status('new')).toBe(403);
  });

  test('say off loopback how to set a token when there is none, and show nothing', async () => {
    const { address } = await start({}, { host: '0.0.0.0' });
    for (const authorization of ['Bearer ', 'Bearer undefined', basic('a:')]) {
      const answer = await ask(address, '/api/state', { headers: { authorization } });
      expect(answer.status).toBe(403);
      expect(answer.body).toMatch(/^[^\n]*admin\.token[^\n]*\n$/);
    }
  });
});

describe('anything else', () => {
  test('is 404 with one line that says what there is', async () => {
    const { address } = await start();
    const answer = await ask(address, '/metric');
    expect(answer.status).toBe(404);
    expect(answer.body).toBe(
      'nothing here; there is /metrics, /livez, /readyz, /, /api/sidecar, /api/state, /api/topics, /api/topics/detail, /api/traces, /api/connections, /api/losses, /api/topology, /api/findings, /api/faults, /api/events\n',
    );
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s is 405', async (method) => {
    const { address } = await start();
    const answer = await ask(address, '/metrics', { method });
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(answer.body).toMatch(/^[^\n]+\n$/);
  });

  test('long URLs and headers are refused', async () => {
    const { address } = await start();
    expect((await ask(address, `/${'x'.repeat(3000)}`)).status).toBe(414);
    expect((await ask(address, '/livez', { headers: { x: 'x'.repeat(10_000) } })).status).toBe(431);
  });

  test('a body is not read, and ends the connection', async () => {
    const { address } = await start();
    const answer = await ask(address, '/livez', { headers: { 'content-length': '0', connection: 'keep-alive' } });
    expect(answer.headers.connection).toBe('close');
  });
});

test('a taken port is the error of the system, for whoever started it to put in words', async () => {
  const { address } = await start();
  const port = Number(address.split(':')[1]);
  const second = startAdmin({ host: '127.0.0.1', port }, {} as AdminSources);
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port });
});

test('close ends idle connections at once', async () => {
  const admin = await start();
  const socket = connect(Number(admin.address.split(':')[1]), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  const ended = once(socket, 'close');
  await admin.close();
  socket.resume();
  await ended;
});
