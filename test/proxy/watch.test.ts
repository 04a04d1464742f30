import { expect, test } from 'vitest';
import type { DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { app, broker, deliver, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';

// Messages that are neither sampled nor go wrong are told of while somebody watches, and else not at all: what nobody
// looks at must cost nothing.

const UNSAMPLED = { env: { OTEL_TRACES_SAMPLER: 'always_off' } };
const N = 50;

function connected(options = UNSAMPLED): Rig {
  const rig = createRig(options);
  handshake(rig, { confirms: true, consume: { tag: 'tag', noAck: false } });
  rig.events();
  return rig;
}

/** N publishes that the broker confirms, and N deliveries that the app acks. */
function pass(rig: Rig, exchange = 'orders', first = 1): void {
  const message = { exchange, routingKey: 'new', body: 5 };
  for (let i = 0; i < N; i++) rig.app.receive(publish(message));
  rig.broker.receive(Buffer.from(broker.ack(first + N - 1, true)));
  for (let i = 0; i < N; i++) rig.broker.receive(deliver(message, 'tag', first + i));
  rig.app.receive(Buffer.from(app.ack(first + N - 1, true)));
}

const ended = (rig: Rig): (PublishEnded | DeliveryEnded)[] =>
  rig.events().filter((event): event is PublishEnded | DeliveryEnded => event.type.endsWith('.ended'));

test('nobody watches: nothing is told', () => {
  const rig = connected();
  pass(rig);
  expect(ended(rig)).toEqual([]);
});

test('each message is told of while somebody watches, with its ids, and none once he has gone', () => {
  const rig = connected();
  rig.plane.watch.set('all');
  pass(rig);
  const told = ended(rig);
  expect(told.map(({ type }) => type)).toEqual([
    ...new Array(N).fill('publish.ended'),
    ...new Array(N).fill('delivery.ended'),
  ]);
  for (const message of told) {
    expect(message).toMatchObject({
      topic: 'orders',
      routingKey: 'new',
      outcome: 'success',
      sampled: false,
      bodySize: 5,
    });
    expect(message.endedAt).toBeGreaterThanOrEqual(message.startedAt);
  }
  const published = told.slice(0, N).map(({ traceId }) => traceId);
  expect(new Set(published).size).toBe(N);
  for (const traceId of published) expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  rig.plane.watch.set(undefined);
  pass(rig, 'orders', N + 1);
  expect(ended(rig)).toEqual([]);
});

test('of the topics that are watched, and of no others', () => {
  const rig = connected();
  rig.plane.watch.set(['mails']);
  pass(rig);
  expect(ended(rig)).toEqual([]);
  pass(rig, 'mails', N + 1);
  expect(ended(rig).map(({ topic }) => topic)).toEqual(new Array(2 * N).fill('mails'));
  expect(rig.plane.watch.skipped).toBe(0);
});

test('no more than a share in a tenth of a second, and how many more there were is counted', () => {
  const rig = connected();
  rig.plane.watch.set('all');
  pass(rig);
  pass(rig, 'orders', N + 1);
  const told = ended(rig).length;
  expect(told).toBe(100);
  expect(rig.plane.watch.skipped).toBe(4 * N - told);
  rig.plane.watch.refill();
  pass(rig, 'orders', 2 * N + 1);
  expect(ended(rig)).toHaveLength(100);
});

test('sampled messages are told of once, whether or not somebody watches', () => {
  const rig = connected({ env: { OTEL_TRACES_SAMPLER: 'always_on' } });
  rig.plane.watch.set('all');
  pass(rig);
  expect(ended(rig)).toHaveLength(2 * N);
  expect(rig.plane.watch.skipped).toBe(0);
});
