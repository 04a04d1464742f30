import { expect, test } from 'vitest';
import { ConnectionTable } from '../../src/telemetry/connections.ts';
import { identified, opened } from '../tracing/fixtures.ts';

const closed = (connection: number) =>
  ({ type: 'connection.closed', at: 0, connection, by: 'app', code: 200, text: '' }) as const;

test('a connection is known from its opening, and by name once it is identified', () => {
  const table = new ConnectionTable();
  expect(table.get(7)).toBeUndefined();
  table.observe(opened());
  const known = { client: '127.0.0.1:50000', brokerHost: 'rabbit.internal', brokerPort: 5671 };
  expect(table.get(7)).toEqual({ ...known, clientId: '', app: '' });
  table.observe(identified());
  expect(table.get(7)).toEqual({ ...known, clientId: 'order service', app: 'order service' });
});

test('an identity without an opening is ignored', () => {
  const table = new ConnectionTable();
  table.observe(identified());
  expect(table.get(7)).toBeUndefined();
});

test('a closed connection is remembered until enough others have closed', () => {
  const table = new ConnectionTable(2);
  for (const connection of [1, 2, 3, 4]) table.observe(opened({ connection }));
  for (const connection of [2, 1, 3]) table.observe(closed(connection));
  expect([1, 2, 3, 4].filter((connection) => table.get(connection))).toEqual([1, 3, 4]);
});

test('no more connections than the capacity are ever known', () => {
  const table = new ConnectionTable(2, 3);
  for (let connection = 1; connection <= 100; connection++) table.observe(opened({ connection }));
  const known = Array.from({ length: 101 }, (_, connection) => connection).filter((n) => table.get(n));
  expect(known).toEqual([98, 99, 100]);
});
