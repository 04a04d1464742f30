import { expect, test } from 'vitest';
import type { TopologyAnswer, TopologyQuery } from '../../src/api.ts';
import { ask, start } from './serving.ts';

const MAP: Omit<TopologyAnswer, 'sidecars'> = {
  nodes: [
    { id: 'app:shop', kind: 'app', name: 'shop', vhost: '' },
    { id: 'exchange:/:orders', kind: 'exchange', name: 'orders<b>', vhost: '/' },
  ],
  edges: [
    {
      id: 'app:shop > exchange:/:orders',
      source: 'app:shop',
      target: 'exchange:/:orders',
      kind: 'publish',
      vhost: '/',
      messages: 1200,
      lost: 3,
      rate: 2.5,
      lastSeen: '2026-11-21T15:00:00.000Z',
    },
  ],
};

test('the parameters of /api/topology are pipeline and vhost, once each', async () => {
  const asked: TopologyQuery[] = [];
  const { address } = await start({
    topology(query) {
      asked.push(query);
      return MAP;
    },
  });
  for (const query of ['', '?vhost=%2F', '?pipeline=a&vhost=b']) {
    const { status, body } = await ask(address, `/api/topology${query}`);
    expect([status, JSON.parse(body)]).toEqual([200, { ...MAP, sidecars: [expect.objectContaining({ error: null })] }]);
  }
  expect(asked).toEqual([{}, { vhost: '/' }, { pipeline: 'a', vhost: 'b' }]);
  for (const [query, wrong] of [
    ['?topic=a', 'unknown parameter "topic"; there is pipeline, vhost'],
    ['?vhost=a&vhost=b', 'vhost: given 2 times'],
  ]) {
    const { status, body } = await ask(address, `/api/topology${query}`);
    expect([status, body]).toEqual([400, `${wrong}\n`]);
  }
});

test('/api/topology is shown to whom /api/state is shown', async () => {
  const open = await start();
  expect((await ask(open.address, '/api/topology', { headers: { host: 'evil.example' } })).status).toBe(403);
  const guarded = await start({}, { host: '0.0.0.0', token: 'secret' });
  expect((await ask(guarded.address, '/api/topology')).status).toBe(401);
  const authorization = 'Bearer secret';
  expect((await ask(guarded.address, '/api/topology', { headers: { authorization } })).status).toBe(200);
});
