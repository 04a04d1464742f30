import { expect, test } from 'vitest';
import { appName } from '../../src/proxy/routing/app-name.ts';

const named = (connectionName: string) => appName({ connectionName, product: 'lib', user: 'me' });

test.each([
  'orders',
  'orders-v2',
  'order service',
  'orders.eu-west-1a',
  'billing.publisher',
  'gateway-http2',
  'décor',
  'facade',
  'sales-feedback',
])('%s names an app and stays as it is', (name) => {
  expect(named(name)).toBe(name);
});

test.each([
  ['rabbitConnectionFactory#1a2b3c:0', 'rabbitConnectionFactory'],
  ['rabbitConnectionFactory.publisher#71a8a007:12', 'rabbitConnectionFactory'],
  ['orders#3', 'orders'],
  ['orders-0', 'orders'],
  ['orders:4242', 'orders'],
  ['orders pid:4242', 'orders'],
  ['orders (pid 4242)', 'orders'],
  ['orders[4242]', 'orders'],
  ['orders-6fd7c9b8d4-x2k9p', 'orders'],
  ['order-service-5d4f8c7b9-zzxcv', 'order-service'],
  ['orders@orders-6fd7c9b8d4-x2k9p', 'orders'],
  ['celery@worker1.example.com', 'celery'],
  ['orders-9b2b7a4e-1111-4222-8333-0123456789ab', 'orders'],
  ['orders-9b2b7a4e-1111-4222-8333-0123456789ab-reader', 'orders-*-reader'],
  ['orders-3f2a9b1c4d5e', 'orders'],
  ['orders_10.0.12.3:51234', 'orders'],
  ['orders 10.0.12.3', 'orders'],
  ['orders-10.0.12.3:51234-17', 'orders'],
  ['orders/worker-3', 'orders/worker'],
])('%s is an instance of %s', (name, app) => {
  expect(named(name)).toBe(app);
});

test.each(['', ' ', '42', '#1a:0', '9b2b7a4e-1111-4222-8333-0123456789ab', '10.0.0.1:4000 -> 10.0.0.2:5672'])(
  '"%s" names no app: the library and the user do',
  (name) => {
    expect(named(name)).toBe('lib/me');
  },
);

test('what a client leaves out is left out, and one that says nothing is unknown', () => {
  expect(appName({ connectionName: '', product: 'lib', user: '' })).toBe('lib');
  expect(appName({ connectionName: '', product: '', user: 'me' })).toBe('me');
  expect(appName({ connectionName: '', product: '', user: '' })).toBe('unknown');
});

test('a name is folded for good: folding the result changes nothing', () => {
  for (const name of ['orders-1-2', 'a@b@c', 'x-*', 'orders-6fd7c9b8d4-x2k9p-12', '-', '1.2.3.4']) {
    expect(named(named(name))).toBe(named(name));
  }
});

test('no name takes long, and none is longer than a label should be', () => {
  for (const part of ['1', '-', 'a', '1.', '-a1', ' ', '@', '(', 'é']) {
    const name = part.repeat(1_000_000);
    const started = performance.now();
    expect(named(name).length).toBeLessThanOrEqual(100);
    expect(performance.now() - started).toBeLessThan(5000);
  }
});
