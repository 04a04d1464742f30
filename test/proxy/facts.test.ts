import { expect, test } from 'vitest';
import { Facts } from '../../src/proxy/plane/facts.ts';

/** The facts of two traffic threads: what the first finds out, the second learns. */
function threads() {
  const clock = { now: () => 0 };
  const delaying: string[] = [];
  const here = new Facts(clock, () => {});
  const there = new Facts(clock, (vhost, exchange) => delaying.push(`${vhost} ${exchange}`));
  // as between threads: copied
  here.onFact = (fact) => there.learn(structuredClone(fact));
  return { here, there, delaying };
}

test('what one traffic thread finds out of queues and exchanges, the others know', () => {
  const { here, there, delaying } = threads();
  here.noteDelaying('/', 'later');
  here.noteDeliveryLimit('/', 'limited', 7);
  here.noteDeadLetteringRefused('/', 'full');
  here.noteQueue({ kind: 'queue dead-letters', name: '/\0work', exchange: '' });
  expect(there.delays('/', 'later')).toBe(true);
  expect(delaying).toEqual(['/ later']);
  expect(there.deliveryLimit('/', 'limited')).toBe(7);
  expect(there.mayDeadLetterRefused('/', '', 'full')).toBe(true);
  expect(there.mayDeadLetterRefused('/', 'any', 'key')).toBe(true);
  expect(there.mayDeadLetterRefused('/', '', 'other')).toBe(false);
  expect(there.queues.deadLetters('/', 'work')).toBe(true);
  here.noteDeliveryLimit('/', 'limited', undefined);
  expect(there.deliveryLimit('/', 'limited')).toBe(undefined);
});

test('what one traffic thread finds out of clients and alarms, the others know', () => {
  const { here, there } = threads();
  here.noteTransactional({ product: 'pika', connectionName: 'job', user: 'guest' });
  expect(there.isTransactional({ product: 'pika', connectionName: 'job', user: 'guest' })).toBe(true);
  here.alarm.told(true, 0);
  expect(there.alarm.stands).toBe(true);
  here.alarm.told(false, 0);
  expect(there.alarm.stands).toBe(false);
});

test('a client that uses tx is known whatever its instances call themselves', () => {
  const { here } = threads();
  const client = (connectionName: string, product = 'pika', user = 'guest') => ({ product, connectionName, user });
  const alike = {
    'job-2c9f1c5e-63a1-4cf1-b0a7-ff3b9d8e1a20': 'job-7d0a4f52-0f1e-4a6b-9a54-0a6f7f1f6c11',
    'billing-6d4f9b7c8d-x2x4z': 'billing-6d4f9b7c8d-q8w9r',
    'batch 17 of import': 'batch 18 of import',
    'worker-3': 'worker-12',
    '': '',
  };
  for (const [one, other] of Object.entries(alike)) {
    here.noteTransactional(client(one));
    expect(here.isTransactional(client(other)), other).toBe(true);
    expect(here.isTransactional(client(other, 'amqplib')), other).toBe(false);
    expect(here.isTransactional(client(other, 'pika', 'root')), other).toBe(false);
  }
  expect(here.isTransactional(client('shop'))).toBe(false);
});
