import { expect, test } from 'vitest';
import { Facts } from '../../src/proxy/plane/facts.ts';
import type { QueueFact } from '../../src/proxy/plane/queue-facts.ts';

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

/** A queue that dead-letters to another; `takesRefused`: also what it has no room for. */
function declared(queue: string, takesRefused: boolean): QueueFact {
  const deadLetters = { exchange: '', routingKey: 'grave', takesRefused };
  return {
    kind: 'queue declared',
    name: `/\0${queue}`,
    at: 0,
    declared: { deadLetters, isStream: false, isClassic: true, lasts: true, ttl: undefined, existed: false },
  };
}

test('what one traffic thread finds out of queues and exchanges, the others know', () => {
  const { here, there, delaying } = threads();
  here.noteDelaying('/', 'later');
  here.noteDeliveryLimit('/', 'limited', 7);
  here.noteQueue(declared('full', true));
  here.noteQueue({ kind: 'queue dead-letters', name: '/\0work', exchange: '' });
  expect(there.delays('/', 'later')).toBe(true);
  expect(delaying).toEqual(['/ later']);
  expect(there.deliveryLimit('/', 'limited')).toBe(7);
  expect(there.queues.deadLettersRefused('/', '', 'full')).toBe(true);
  expect(there.queues.deadLettersRefused('/', 'any', 'key')).toBe(true);
  expect(there.queues.deadLettersRefused('/', '', 'other')).toBe(false);
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

test('a queue dead-letters what it refuses for as long as it lives, and where its dead letters go', () => {
  const { here } = threads();
  const refused = () => [
    here.queues.deadLettersRefused('/', '', 'full'),
    here.queues.deadLettersRefused('/', 'orders', 'any'),
    here.queues.deadLettersRefused('/other', 'orders', 'any'),
  ];
  const gone = (queue: string): QueueFact => ({ kind: 'queue gone', name: `/\0${queue}`, at: 1 });
  here.noteQueue(declared('full', true));
  expect(refused()).toEqual([true, true, false]);
  here.noteQueue(gone('full'));
  expect(refused()).toEqual([false, false, false]);
  here.noteQueue(declared('full', true));
  here.noteQueue(declared('full', false));
  expect(refused()).toEqual([false, false, false]);
  here.noteQueue(declared('full', true));
  here.noteQueue(gone('grave'));
  expect(refused()).toEqual([false, false, false]);
});
