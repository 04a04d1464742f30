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
  here.noteConflict('a client');
  expect(there.conflicts('a client')).toBe(true);
  here.alarm.told(true, 0);
  expect(there.alarm.stands).toBe(true);
  here.alarm.told(false, 0);
  expect(there.alarm.stands).toBe(false);
});
