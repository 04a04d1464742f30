import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { RouteTables } from '../../src/proxy/routing/route-tables.ts';
import { type MakeRoute, type Route, RouteBudget, RouteTable } from '../../src/proxy/routing/routes.ts';

const made = (limit?: number) => {
  const names: string[] = [];
  const make: MakeRoute<string> = (exchange, routingKey, key) => {
    const name = `${exchange} ${routingKey}`;
    names.push(name);
    return { key, exchange, routingKey, topic: name, tally: name } as Route<string>;
  };
  return { table: new RouteTable<string>(make, new RouteBudget(Number.POSITIVE_INFINITY), limit), names, make };
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

  test('a route that is looked up stays, one that is not for two ages is forgotten', () => {
    const { table, names } = made();
    const [used, left] = [key('ex', 'used'), key('ex', 'left')];
    const find = (bytes: Buffer) => table.find(bytes, 0, bytes.length, undefined);
    const [first, second] = [find(used), find(left)];
    table.age();
    expect(find(used)).toBe(first);
    expect([...table]).toContain(second);
    table.age();
    expect(find(used)).toBe(first);
    expect([...table]).not.toContain(second);
    expect(find(left)).not.toBe(second);
    expect(names).toEqual(['ex used', 'ex left', 'ex left']);
  });

  test('a table that nobody asks for is forgotten, with all its routes; one in use keeps those in use', () => {
    const tables = new RouteTables<string>(new RouteBudget(Number.POSITIVE_INFINITY));
    const make = made().make;
    const [one, other] = [tables.of(['/', 'one'], make), tables.of(['/', 'other'], make)];
    const bytes = key('ex', 'key');
    const route = one.find(bytes, 0, bytes.length, undefined);
    other.find(bytes, 0, bytes.length, undefined);
    for (let age = 0; age < 5; age++) {
      tables.age();
      // those that changed must be found wherever they are
      expect([...tables.routes('/')]).toContain(route);
      expect(tables.of(['/', 'one'], make)).toBe(one);
      expect(one.find(bytes, 0, bytes.length, undefined)).toBe(route);
    }
    expect(new Set(tables.routes('/')).size).toBe(1);
    expect([...tables.routes('')]).toEqual([]);
    expect(tables.of(['/', 'other'], make)).not.toBe(other);
  });
});

describe('names that a client has chosen to be expensive', () => {
  /** As in routes.ts, with a seed and a multiplier that are known. */
  const known = { seed: 0x811c9dc5, multiplier: 0x2c1b3c6d };
  const hash = (bytes: Uint8Array): number => {
    let h = known.seed;
    for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
    h = Math.imul(h ^ (h >>> 15), known.multiplier);
    return (h ^ (h >>> 16)) >>> 0;
  };
  /** All of them belong into the same slot of any table of up to 1,024. */
  const colliding: Buffer[] = [];
  for (let i = 0; colliding.length < 400; i++) {
    const bytes = key('ex', `key ${i}`);
    if ((hash(bytes) & 1023) === 0) colliding.push(bytes);
  }

  /** Names compared in looking each of them up again, at the most. */
  async function mostCompared(random: (() => number) | undefined): Promise<number> {
    vi.resetModules();
    const crypto = await vi.importActual<typeof import('node:crypto')>('node:crypto');
    vi.doMock('node:crypto', () => ({ ...crypto, randomInt: random ?? crypto.randomInt }));
    const { RouteTable, RouteBudget } = await import('../../src/proxy/routing/routes.ts');
    vi.doUnmock('node:crypto');
    let compared = 0;
    const make: MakeRoute<string> = (exchange, routingKey, bytes) =>
      Object.defineProperty({ exchange, routingKey }, 'key', {
        get: () => {
          compared++;
          return bytes;
        },
      }) as unknown as Route<string>;
    const table = new RouteTable<string>(make, new RouteBudget(Number.POSITIVE_INFINITY));
    for (const bytes of colliding) table.find(bytes, 0, bytes.length, undefined);
    return Math.max(
      ...colliding.map((bytes) => {
        compared = 0;
        table.find(bytes, 0, bytes.length, undefined);
        return compared;
      }),
    );
  }

  test('a look-up compares a bounded number of names even if all share one place', async () => {
    const numbers = [known.seed, known.multiplier];
    const most = await mostCompared(() => numbers.shift() as number);
    // it is not among the first 64, and once it is made anew, looks for its place among those
    expect(most).toBeGreaterThan(50);
    expect(most).toBeLessThan(140);
  });

  test('names that share one place under one seed do not under this process’s', async () => {
    expect(await mostCompared(undefined)).toBeLessThan(30);
  });
});

test('the budget of all tables is told once it is spent, and again after it was renewed', () => {
  const spent = vi.fn();
  const budget = new RouteBudget(100 * 1024);
  budget.onSpent = spent;
  const tables = new RouteTables<string>(budget);
  const { make } = made();
  const look = (app: number, i: number) => {
    const bytes = key('ex', `key ${i}`);
    return tables.of(['/', `app ${app}`], make).find(bytes, 0, bytes.length, undefined);
  };
  const many = () => {
    for (let app = 0; app < 20; app++) for (let i = 0; i < 20; i++) look(app, i);
  };
  many();
  expect(spent).toHaveBeenCalledTimes(1);
  many();
  expect(spent).toHaveBeenCalledTimes(1);
  // what is forgotten: the routes of all tables that were not looked up since they aged once
  tables.age();
  budget.renew();
  tables.age();
  budget.renew();
  expect([...tables.routes('/')]).toEqual([]);
  many();
  expect(spent).toHaveBeenCalledTimes(2);
});
