import { describe, expect, test } from 'vitest';
import type { MessageLost, PublishEnded } from '../../src/events/lifecycle.ts';
import { delivery, identified, opened, publish, START, TRACE } from '../tracing/fixtures.ts';
import { logged } from './bus.ts';

const FAILED = { outcome: 'failed', reason: 'unroutable', confirmed: false } as const;

function lost(changes: Partial<MessageLost> = {}): MessageLost {
  return {
    type: 'message.lost',
    at: START,
    connection: 7,
    channel: 3,
    side: 'publish',
    exchange: 'shop',
    routingKey: '',
    topic: 'orders',
    pipeline: 'checkout',
    queue: '',
    reason: 'no_exchange',
    traceId: '',
    ...changes,
  };
}

/** Failed publishes, one a second, numbered in their message id. */
const publishes = (count: number): PublishEnded[] =>
  Array.from({ length: count }, (_, i) => publish({ ...FAILED, messageId: String(i), endedAt: START + i * 1e6 }));
const ids = (found: { losses: { messageId?: string }[] }) => found.losses.map(({ messageId }) => messageId);

describe('a loss', () => {
  test('of a publish is told with all that is known of it', () => {
    const log = logged([
      opened(),
      identified(),
      publish({ ...FAILED, messageId: 'm-1', replyCode: 312, replyText: 'NO_ROUTE' }),
    ]);
    expect(log.find({ limit: 10 })).toEqual({
      losses: [
        {
          time: '2026-09-21T14:13:21.125Z',
          side: 'publish',
          exchange: 'shop',
          routingKey: 'orders.eu',
          topic: 'orders',
          pipeline: 'checkout',
          queue: '',
          reason: 'unroutable',
          traceId: TRACE,
          connection: 7,
          channel: 3,
          connectionName: 'order service',
          replyCode: 312,
          replyText: 'NO_ROUTE',
          messageId: 'm-1',
        },
      ],
      matching: 1,
      total: 1,
      dropped: 0,
    });
  });

  test('of a delivery names its queue; without a reply and an id it says nothing of them', () => {
    const rejected = delivery({ settlement: 'reject', outcome: 'failed', reason: 'rejected', lost: true });
    const [loss] = logged([rejected]).find({ limit: 1 }).losses;
    expect(loss).toMatchObject({ side: 'consume', queue: 'billing', reason: 'rejected', connectionName: '' });
    expect(Object.keys(loss)).not.toEqual(expect.arrayContaining(['replyCode']));
    expect(Object.keys(loss)).not.toEqual(expect.arrayContaining(['replyText']));
    expect(Object.keys(loss)).not.toEqual(expect.arrayContaining(['messageId']));
  });

  test('found late, or of one of several, is there too', () => {
    const [loss] = logged([opened(), identified({ name: '' }), lost()]).find({ limit: 1 }).losses;
    expect(loss).toMatchObject({
      reason: 'no_exchange',
      routingKey: '',
      traceId: '',
      connectionName: 'AMQPLIB',
      time: '2026-09-21T14:13:20.123Z',
    });
  });

  test('is none of what succeeded, is unknown, was requeued, or was dead-lettered', () => {
    const log = logged([
      publish(),
      publish({ outcome: 'unknown', reason: 'connection_lost' }),
      delivery(),
      delivery({ settlement: 'nack', outcome: 'requeued', reason: 'nack' }),
      delivery({ settlement: 'reject', outcome: 'failed', reason: 'rejected', lost: false }),
    ]);
    expect(log.find({ limit: 10 })).toEqual({ losses: [], matching: 0, total: 0, dropped: 0 });
  });
});

describe('the log', () => {
  test('is newest first, and says how many there are beyond the limit', () => {
    const found = logged(publishes(5)).find({ limit: 2 });
    expect(ids(found)).toEqual(['4', '3']);
    expect(found).toMatchObject({ matching: 5, total: 5, dropped: 0 });
  });

  test.each([10, 11, 19, 20, 37])('of ten keeps the newest of %i and counts what they pushed out', (count) => {
    const found = logged(publishes(count), 10).find({ limit: 100 });
    expect(ids(found)).toEqual(Array.from({ length: 10 }, (_, i) => String(count - 1 - i)));
    expect(found).toMatchObject({ matching: 10, total: count, dropped: count - 10 });
  });

  test('is in order of time though threads tell in batches', () => {
    const [first, second, third] = publishes(3);
    expect(ids(logged([second, third, first]).find({ limit: 3 }))).toEqual(['2', '1', '0']);
  });

  test('is filtered by what is asked, all of it', () => {
    const log = logged([
      publish({ ...FAILED, messageId: 'a' }),
      publish({ ...FAILED, reason: 'nacked', messageId: 'b' }),
      publish({ ...FAILED, topic: 'payments', messageId: 'c' }),
      delivery({ outcome: 'failed', reason: 'rejected', lost: true, messageId: 'd' }),
    ]);
    const found = (filter: object) => ids(log.find({ limit: 10, ...filter })).sort();
    expect(found({ topic: 'orders' })).toEqual(['a', 'b', 'd']);
    expect(found({ reason: 'unroutable' })).toEqual(['a', 'c']);
    expect(found({ side: 'consume' })).toEqual(['d']);
    expect(found({ topic: 'orders', reason: 'unroutable', side: 'publish' })).toEqual(['a']);
    expect(found({ topic: 'order' })).toEqual([]);
  });

  test('is filtered by time, bounds included, as the times it shows', () => {
    const log = logged(publishes(5));
    const times = log.find({ limit: 5 }).losses.map(({ time }) => Date.parse(time));
    expect(ids(log.find({ limit: 5, since: times[3], until: times[1] }))).toEqual(['3', '2', '1']);
    expect(ids(log.find({ limit: 5, since: times[3] + 1, until: times[1] - 1 }))).toEqual(['2']);
  });
});
