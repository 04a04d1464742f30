import { expect, test } from 'vitest';
import { type RigOptions, rig } from './rig.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A rig whose clock moves by the minute, swept each time as the composition root does. */
function hours(options: RigOptions = {}) {
  let now = 0;
  const made = rig({ idleAfter: HOUR, now: () => now, ...options });
  return {
    ...made,
    pass(minutes: number) {
      for (let i = 0; i < minutes; i++) {
        now += MINUTE;
        made.recorder.sweep(now);
      }
    },
  };
}

test('a topic idle for idleAfter loses its series; one that is used keeps them', async () => {
  const { recorder, scrape, pass } = hours();
  const [idle, busy] = [recorder.publishes('idle', '/'), recorder.publishes('busy', '/')];
  idle.succeeded(0);
  busy.succeeded(0);
  pass(60);
  busy.succeeded(0);
  expect((await scrape()).matching('event_throughput_total', { topic: 'idle' })).toHaveLength(2);
  pass(2);
  const metrics = await scrape();
  expect(metrics.text).not.toContain('"idle"');
  expect(metrics.value('event_throughput_total', { topic: 'busy', status: 'success' })).toBe(2);
});

test('a tally that was freed counts on, from 0', async () => {
  const { recorder, scrape, pass } = hours();
  const publishes = recorder.publishes('orders', '/');
  const deliveries = recorder.deliveries('orders', '/', 'billing');
  const use = () => {
    publishes.passed(10);
    publishes.unroutedAsExpected();
    publishes.succeeded(0.1);
    publishes.lost('nacked', 0.1);
    publishes.lostLate('unroutable');
    publishes.unknown('connection_lost');
    publishes.confirmed(0.1);
    deliveries.passed(10, true, false);
    deliveries.passed(10, false, true);
    deliveries.first(0.1);
    deliveries.succeeded(0.1, false);
    deliveries.failed('rejected', 0.1, true);
    deliveries.requeued('nack');
    deliveries.unknown('channel_error');
    deliveries.deadLettered('billing', 'expired');
    deliveries.unsettled(1);
    deliveries.unsettled(-1);
  };
  const figures = async () => (await scrape()).samples.filter(({ name }) => /^(event|messaging)_/.test(name));
  use();
  const first = await figures();
  pass(70);
  expect(await figures()).toEqual([]);
  use();
  expect(await figures()).toEqual(first);
});

test('unsettled deliveries keep their series however long they stay open', async () => {
  const { recorder, scrape, pass } = hours();
  const tally = recorder.deliveries('orders', '/', 'billing');
  tally.unsettled(1);
  pass(200);
  expect((await scrape()).value('tracehare_unsettled_deliveries', { queue: 'billing' })).toBe(1);
  tally.requeued('nack');
  tally.unsettled(-1);
  pass(1);
  expect((await scrape()).value('event_requeued_total', { topic: 'orders' })).toBe(1);
  pass(61);
  expect((await scrape()).matching('tracehare_unsettled_deliveries')).toEqual([]);
});

test('an edge of the service map that nobody uses goes, and makes room for another', async () => {
  const { recorder, exposition, pass } = hours({ maxEdges: 1 });
  const hop = (exchange: string) =>
    recorder.hop({ side: 'publish', vhost: '/', pipeline: '/', app: 'shop', exchange, routingKey: '', queue: '' });
  const edges = () => exposition.topology({}).edges.map(({ target, messages }) => [target, messages]);
  const old = hop('old');
  old.passed(false);
  expect(edges()).toEqual([['exchange:/:old', 1]]);
  pass(70);
  expect(exposition.topology({})).toEqual({ nodes: [], edges: [] });
  hop('young').passed(false);
  expect(edges()).toEqual([['exchange:/:young', 1]]);
  old.passed(false);
  expect(edges()).toEqual([
    ['exchange:__overflow__', 1],
    ['exchange:/:young', 1],
  ]);
});

test('freed names make room under the limit', async () => {
  const { recorder, scrape, pass } = hours({ maxTopics: 1 });
  recorder.publishes('a', '/').succeeded(0);
  pass(70);
  recorder.publishes('b', '/').succeeded(0);
  const metrics = await scrape();
  expect(metrics.value('event_throughput_total', { topic: 'b', status: 'success' })).toBe(1);
  expect(metrics.sum('tracehare_label_values_folded_total')).toBe(0);
});

test('a freed tally whose place is taken counts under __overflow__', async () => {
  const { recorder, scrape, pass } = hours({ maxTopics: 1 });
  const old = recorder.publishes('a', '/');
  old.succeeded(0);
  pass(70);
  recorder.publishes('b', '/').succeeded(0);
  old.succeeded(0);
  const metrics = await scrape();
  expect(metrics.value('event_throughput_total', { topic: '__overflow__', status: 'success' })).toBe(1);
  expect(metrics.matching('event_throughput_total', { topic: 'a' })).toEqual([]);
});

test('cells are reused: topics that come and go need no more of them', () => {
  const { recorder, pass } = hours();
  const high = () => recorder.store.cells.findLastIndex((cell) => cell !== 0);
  const use = (name: string) => {
    recorder.publishes(name, '/').passed(1);
    recorder.publishes(name, '/').confirmed(9);
  };
  use('0');
  pass(70);
  use('1');
  pass(70);
  const settled = high();
  for (let i = 2; i < 50; i++) {
    use(String(i));
    pass(70);
  }
  expect(high()).toBe(settled);
});

test('idleAfter 0 frees nothing', async () => {
  const { recorder, scrape, pass } = hours({ idleAfter: 0 });
  recorder.publishes('orders', '/').succeeded(0);
  pass(500);
  expect((await scrape()).value('event_throughput_total', { status: 'success' })).toBe(1);
});

test('the queues that dead letters came from make room too, and are counted on under their own names', async () => {
  const { recorder, scrape, pass } = hours({ maxTopics: 3 });
  const old = recorder.deliveries('orders', '/', 'work');
  for (const queue of ['grave', 'crypt', 'grave']) old.deadLettered(queue, 'expired');
  pass(70);
  const young = recorder.deliveries('orders', '/', 'other work');
  for (const queue of ['tomb', 'urn', 'tomb']) young.deadLettered(queue, 'expired');
  const metrics = await scrape();
  const count = (queue: string) => metrics.value('event_dead_lettered_total', { topic: 'orders', queue });
  expect(['grave', 'crypt', 'tomb', 'urn', '__overflow__'].map(count)).toEqual([undefined, undefined, 2, 1, undefined]);
  expect(metrics.sum('tracehare_label_values_folded_total')).toBe(0);
  pass(70);
  old.deadLettered('grave', 'expired');
  expect((await scrape()).value('event_dead_lettered_total', { queue: 'grave' })).toBe(1);
});
