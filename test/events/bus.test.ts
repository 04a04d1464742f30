import { expect, test } from 'vitest';
import { EventBus, type EventListener, type EventSource } from '../../src/events/bus.ts';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { EventPump } from '../../src/events/pump.ts';
import { passageOf } from '../../testing/passages.ts';
import { opened, publish } from '../tracing/fixtures.ts';

class Source implements EventSource {
  left: number;

  constructor(left: number) {
    this.left = left;
  }

  read(limit: number, { passage }: EventListener): number {
    const count = Math.min(limit, this.left);
    this.left -= count;
    for (let i = 0; i < count; i++) passage(passageOf(publish()));
    return count;
  }
}

function busOf(room: () => number, ...sources: Source[]) {
  const bus = new EventBus(room, (error) => {
    throw error;
  });
  for (const source of sources) bus.attach(source);
  const told: LifecycleEvent[] = [];
  bus.onEvery((event) => told.push(event));
  return { bus, told };
}

const unlimited = (): number => Number.POSITIVE_INFINITY;

test('a round takes a part of much and all of little, and says which', () => {
  const { bus, told } = busOf(unlimited, new Source(300), new Source(3));
  expect(bus.pump()).toBe('more');
  expect(told).toHaveLength(259);
  expect(bus.pump()).toBe('nothing');
  expect(told).toHaveLength(303);
});

test('a round takes no more than there is room for', () => {
  let room = 2;
  const source = new Source(3);
  const { bus, told } = busOf(() => room, source);
  expect(bus.pump()).toBe('more');
  room = 0;
  expect(bus.pump()).toBe('no room');
  expect(told).toHaveLength(2);
  expect(source.left).toBe(1);
});

test('an observer that throws is told of, and the others still hear the event', () => {
  const failures: unknown[] = [];
  const bus = new EventBus(unlimited, (error) => failures.push(error));
  bus.attach(new Source(1));
  const told: string[] = [];
  bus.onPassage(() => {
    throw new Error('of an observer');
  });
  bus.onPassage(({ names }) => told.push(names.via));
  bus.onEvery(({ type }) => told.push(type));
  bus.pump();
  expect(told).toEqual(['publish', 'publish.ended']);
  expect(failures).toEqual([new Error('of an observer')]);
});

test('events are told to those who listen to their type, and to those who want every one', () => {
  const bus = new EventBus(unlimited, (error) => {
    throw error;
  });
  bus.attach({
    read(_limit, { event, passage }) {
      event(opened());
      passage(passageOf(publish({ messageId: 'm' })));
      return 2;
    },
  });
  const told: unknown[] = [];
  bus.on('connection.opened', ({ client }) => told.push(client));
  bus.on('connection.closed', () => told.push('of another type'));
  bus.onEvery((event) => told.push(event));
  bus.pump();
  expect(told).toEqual([opened().client, opened(), publish({ messageId: 'm' })]);
});

test('draining ends when all events were told, however long that takes', async () => {
  let room = 0;
  const { bus, told } = busOf(() => room, new Source(1000));
  const pump = new EventPump(bus);
  const drained = pump.drain();
  setTimeout(() => {
    room = 300;
  }, 20);
  await drained;
  expect(told).toHaveLength(1000);
});
