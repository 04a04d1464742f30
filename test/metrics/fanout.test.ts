import { expect, test } from 'vitest';
import { rig } from './rig.ts';

const ORDERS = { topic: 'orders', pipeline: '/' };

/** A rig that reads event_fanout of orders. */
function fanouts(options = {}) {
  const made = rig(options);
  return {
    ...made,
    fanout: async (labels = {}) => (await made.scrape()).value('event_fanout', { ...ORDERS, ...labels }),
  };
}

test('is absent until configured, and again when it no longer is', async () => {
  const { recorder, fanout } = fanouts();
  const tally = recorder.publishes('orders', '/');
  tally.passed(1);
  expect(await fanout()).toBeUndefined();
  tally.fanout(0);
  expect(await fanout()).toBe(0);
  tally.fanout(3);
  expect(await fanout()).toBe(3);
  tally.fanout(Number.NaN);
  expect(await fanout()).toBeUndefined();
});

test('of several threads is no sum', async () => {
  const { recorder, thread, fanout } = fanouts();
  const other = thread();
  recorder.publishes('orders', '/').fanout(2);
  other.recorder.publishes('orders', '/').fanout(2);
  expect(await fanout()).toBe(2);
  other.detach();
  expect(await fanout()).toBe(2);
});

test('is told once and shown again by a topic that was idle', async () => {
  const { recorder, fanout } = fanouts({ idleAfter: 1 });
  const tally = recorder.publishes('orders', '/');
  tally.fanout(2);
  tally.passed(1);
  recorder.sweep(0);
  recorder.sweep(10);
  expect(await fanout()).toBeUndefined();
  tally.passed(1);
  expect(await fanout()).toBe(2);
});

test('is not shown for what is beyond the limit: topics of any fan-out meet there', async () => {
  const { recorder, fanout, scrape } = fanouts({ maxTopics: 1 });
  recorder.publishes('orders', '/').fanout(1);
  recorder.publishes('others', '/').fanout(2);
  recorder.publishes('others', '/').passed(1);
  expect(await fanout()).toBe(1);
  expect((await scrape()).matching('event_fanout')).toHaveLength(1);
});
