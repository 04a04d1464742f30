import { expect, test } from 'vitest';
import { rig } from './rig.ts';

/** A rig whose clock is turned by the second, with a snapshot at each. */
function seconds() {
  let now = 0;
  const made = rig({ now: () => now });
  return {
    ...made,
    pass(count: number) {
      for (let i = 0; i < count; i++) {
        now += 1000;
        made.exposition.snapshot();
      }
    },
    async rate(labels = {}) {
      return (await made.scrape()).value('event_loss_rate', { topic: 'orders', side: 'publish', ...labels });
    },
  };
}

test('is absent before any outcome', async () => {
  const { recorder, rate } = seconds();
  recorder.publishes('orders', '/').passed(10);
  expect(await rate()).toBeUndefined();
});

test('is lost over all outcomes, by topic, pipeline and side', async () => {
  const { recorder, rate, pass } = seconds();
  const orders = recorder.publishes('orders', '/');
  for (let i = 0; i < 3; i++) orders.succeeded(0);
  orders.lost('nacked', 0);
  recorder.publishes('payments', '/').lost('nacked', 0);
  const consumed = recorder.deliveries('orders', '/', 'billing');
  consumed.failed('rejected', 0.1, false);
  consumed.failed('rejected', 0.1, true);
  pass(1);
  expect(await rate()).toBe(0.25);
  expect(await rate({ topic: 'payments' })).toBe(1);
  expect(await rate({ side: 'consume' })).toBe(0.5);
});

test('knows nothing of unknowns', async () => {
  const { recorder, rate } = seconds();
  const orders = recorder.publishes('orders', '/');
  orders.unknown('connection_lost');
  expect(await rate()).toBeUndefined();
  orders.succeeded(0);
  expect(await rate()).toBe(0);
});

test('forgets what happened more than 60 s ago, and is absent when traffic has stopped', async () => {
  const { recorder, rate, pass } = seconds();
  const orders = recorder.publishes('orders', '/');
  orders.lost('nacked', 0);
  pass(30);
  orders.succeeded(0);
  expect(await rate()).toBe(0.5);
  pass(29);
  expect(await rate()).toBe(0.5);
  pass(2);
  expect(await rate()).toBe(0);
  pass(30);
  expect(await rate()).toBeUndefined();
});

test('counts a late loss in the second it is told, beside the success it had been taken for', async () => {
  const { recorder, rate, pass } = seconds();
  const orders = recorder.publishes('orders', '/');
  for (let i = 0; i < 4; i++) orders.succeeded(0);
  pass(50);
  expect(await rate()).toBe(0);
  for (let i = 0; i < 4; i++) orders.succeeded(0);
  orders.lostLate('unroutable');
  pass(1);
  expect(await rate()).toBe(1 / 8);
  pass(20);
  expect(await rate()).toBe(1 / 4);
});

test('still is a share when the loss comes later than the outcome it belongs to', async () => {
  const { recorder, rate, pass } = seconds();
  const orders = recorder.publishes('orders', '/');
  orders.succeeded(0);
  orders.succeeded(0);
  pass(70);
  orders.lostLate('unroutable');
  orders.lostLate('unroutable');
  pass(1);
  expect(await rate()).toBeUndefined();
  orders.succeeded(0);
  expect(await rate()).toBe(1);
});

test('survives a main thread that was busy for minutes', async () => {
  const { recorder, exposition, scrape } = (() => {
    let now = 0;
    const made = rig({ now: () => (now += 200_000) });
    return made;
  })();
  recorder.publishes('orders', '/').lost('nacked', 0);
  exposition.snapshot();
  recorder.publishes('orders', '/').succeeded(0);
  expect((await scrape()).value('event_loss_rate')).toBe(0);
});
