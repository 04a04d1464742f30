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
    declared: { deadLetters, isStream: false, existed: false },
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
  here.noteConflict('a client');
  expect(there.conflicts('a client')).toBe(true);
  here.alarm.told(true, 0);
  expect(there.alarm.stands).toBe(true);
  here.alarm.told(false, 0);
  expect(there.alarm.stands).toBe(false);
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
