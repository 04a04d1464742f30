import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Route, RouteTable } from '../../src/proxy/routes.ts';

const made = (limit?: number) => {
  const names: string[] = [];
  const table = new RouteTable<string>((exchange, routingKey, key) => {
    const name = `${exchange} ${routingKey}`;
    names.push(name);
    return { key, exchange, routingKey, topic: name, tally: name } as Route<string>;
  }, limit);
  return { table, names };
};

const key = (exchange: string, routingKey: string): Buffer => {
  const [a, b] = [Buffer.from(exchange), Buffer.from(routingKey)];
  return Buffer.concat([Buffer.of(a.length), a, Buffer.of(b.length), b]);
};

describe('routes', () => {
  test('a route is found by its bytes, wherever they stand, and made only once', () => {
    const { table, names } = made();
    const bytes = Buffer.concat([Buffer.alloc(5, 0xff), key('orders', 'created'), Buffer.alloc(5, 0xff)]);
    const route = table.find(bytes, 5, bytes.length - 5, undefined);
    expect(route).toMatchObject({
      exchange: 'orders',
      routingKey: 'created',
      key: new Uint8Array(key('orders', 'created')),
    });
    const again = key('orders', 'created');
    expect(table.find(again, 0, again.length, undefined)).toBe(route);
    expect(names).toEqual(['orders created']);
  });

  test('a route keeps its name when the bytes it was made from are overwritten', () => {
    const { table } = made();
    const buffer = key('', 'one');
    const one = table.find(buffer, 0, buffer.length, undefined);
    key('', 'two').copy(buffer);
    const two = table.find(buffer, 0, buffer.length, one);
    expect([one.routingKey, two.routingKey]).toEqual(['one', 'two']);
    key('', 'one').copy(buffer);
    expect(table.find(buffer, 0, buffer.length, two)).toBe(one);
  });

  test('where exchange and routing key part matters', () => {
    const { table } = made();
    const names = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc', ''],
      ['', 'abc'],
    ].map(([exchange, routingKey]) => {
      const bytes = key(exchange, routingKey);
      return table.find(bytes, 0, bytes.length, undefined).tally;
    });
    expect(names).toEqual(['ab c', 'a bc', 'abc ', ' abc']);
  });

  test('any sequence of look-ups finds what a map would, in a table that starts anew when full', () => {
    // few names, so that they come again; short enough to collide in the table
    const name = fc.string({ maxLength: 2, unit: fc.constantFrom('a', 'b', 'ü') });
    const lookups = fc.array(fc.tuple(name, name, fc.boolean()), { maxLength: 300 });
    const limits = fc.constantFrom(1, 2, 3, 40, 1000);
    fc.assert(
      fc.property(lookups, limits, (sequence, limit) => {
        const { table, names } = made(limit);
        const model = new Map<string, Route<string>>();
        let last: Route<string> | undefined;
        for (const [exchange, routingKey, remember] of sequence) {
          const bytes = key(exchange, routingKey);
          const route = table.find(bytes, 0, bytes.length, last);
          expect([route.exchange, route.routingKey]).toEqual([exchange, routingKey]);
          const before = model.get(route.tally);
          if (limit >= 1000 && before !== undefined) expect(route).toBe(before);
          model.set(route.tally, route);
          last = remember ? route : undefined;
        }
        if (limit >= 1000) expect(names.length).toBe(model.size);
      }),
    );
  });

  test('thousands of routes are each found again', () => {
    const { table, names } = made();
    const all = Array.from({ length: 5000 }, (_, i) => key('exchange', `key-${i}`));
    const routes = all.map((bytes) => table.find(bytes, 0, bytes.length, undefined));
    expect(all.map((bytes) => table.find(bytes, 0, bytes.length, undefined))).toEqual(routes);
    expect(names.length).toBe(5000);
  });
});
