import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run as runProgram } from '../../testing/processes.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { Site } from './apps.ts';
import { javaApp } from './java.ts';

// event_handler_seconds and event_prefetch_wait_seconds beside what the app measures itself.

let vhost: Vhost;
let site: Site;
let sidecar: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  sidecar = await site.sidecar();
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

/** Milliseconds of one message, as its app saw them. */
interface Seen {
  waited: number;
  worked: number;
}

interface App {
  queue: string;
  prefetch: number;
  messages: number;
  /** side by side */
  workers: number;
  /** ms that a message takes, by number */
  takes(number: number): number;
  /** ms between two publishes; 0: all of them wait when the consumer starts */
  every?: number;
}

/** What the way through the sidecar to the broker and back takes at present, on a machine that others use too: milliseconds. */
async function timeOfWay(until: Promise<unknown>): Promise<number> {
  const channel = await site.channel(sidecar.port);
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const times: number[] = [];
  let over = false;
  const ended = until.finally(() => {
    over = true;
  });
  while (!over) {
    const begin = performance.now();
    await channel.checkQueue(queue);
    times.push(performance.now() - begin);
    await sleep(20);
  }
  await ended;
  return mean(times);
}

/** Consumes all messages of a queue. The times are in the order in which handlers ended. */
async function run({ queue, prefetch, messages, workers, takes, every = 0 }: App): Promise<Seen[]> {
  const outgoing = await site.channel(vhost.port);
  const channel = await site.channel(sidecar.port);
  await channel.assertQueue(queue);
  const publish = (number: number) => outgoing.sendToQueue(queue, Buffer.from(String(number)));
  if (every === 0) {
    for (let i = 0; i < messages; i++) publish(i);
    await until(async () => (await outgoing.checkQueue(queue)).messageCount === messages, 'all wait');
  }
  await channel.prefetch(prefetch);
  const seen: Seen[] = [];
  const waiting: { message: ConsumeMessage; cameAt: number }[] = [];
  let idle = workers;
  async function work(): Promise<void> {
    idle--;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const begin = performance.now();
      await sleep(takes(Number(next.message.content)));
      seen.push({ waited: begin - next.cameAt, worked: performance.now() - begin });
      channel.ack(next.message);
    }
    idle++;
  }
  await channel.consume(queue, (message) => {
    if (message === null) return;
    waiting.push({ message, cameAt: performance.now() });
    if (idle > 0) void work();
  });
  for (let i = 0; every > 0 && i < messages; i++) {
    publish(i);
    await sleep(every);
  }
  await until(
    () => seen.length === messages,
    () => `all are handled: ${seen.length}`,
  );
  await until(async () => (await told(queue)).processed === messages, 'all are settled');
  return seen;
}

/** Of a queue, what the sidecar tells: means in milliseconds. */
async function told(queue: string) {
  const metrics = await sidecar.metrics();
  const count = metrics.sum('event_handler_seconds_count', { queue });
  const mean = (name: string) => (1000 * metrics.sum(`${name}_sum`, { queue })) / count;
  return {
    processed: metrics.sum('event_processing_seconds_count', { queue }),
    count,
    worked: mean('event_handler_seconds'),
    waited: mean('event_prefetch_wait_seconds'),
  };
}

const mean = (of: number[]): number => of.reduce((sum, value) => sum + value, 0) / of.length;

/** Within 5 %, but for what the way between app and sidecar takes. */
function expectClose(figure: number, truth: number, way: number, what: string): void {
  expect(Math.abs(figure - truth), `${what}: ${figure} for ${truth}, way ${way}`).toBeLessThanOrEqual(
    0.05 * truth + way,
  );
}

describe('with one worker, handler and prefetch wait are what the app measures', () => {
  test.each([1, 2, 10, 100])('at a prefetch of %i', async (prefetch) => {
    const queue = `one-${prefetch}`;
    const running = run({ queue, prefetch, messages: 260, workers: 1, takes: (i) => 10 + (i % 5) * 10 });
    const way = await timeOfWay(running);
    const seen = await running;
    const { count, worked, waited } = await told(queue);
    // the first ones only show that there is one worker
    expect(count).toBeGreaterThanOrEqual(prefetch === 1 ? 260 : 60);
    const known = seen.slice(-count);
    expectClose(worked, mean(known.map(({ worked }) => worked)), way, 'handler');
    expectClose(waited, mean(known.map(({ waited }) => waited)), way, 'prefetch wait');
  });

  test('and where messages come now and then', async () => {
    const queue = 'one-now-and-then';
    const running = run({ queue, prefetch: 50, messages: 100, workers: 1, takes: () => 20, every: 50 });
    const way = await timeOfWay(running);
    const seen = await running;
    const { count, worked } = await told(queue);
    expect(count).toBeGreaterThan(20);
    expectClose(worked, mean(seen.map(({ worked }) => worked)), way, 'handler');
  });
});

/**
 * The same of an app in Java, whose library hands one message after the other to it: milliseconds that each took, and that
 * the way from there to the broker and back took.
 */
async function runJava(queue: string, prefetch: number): Promise<{ seen: number[]; way: number }> {
  const outgoing = await site.channel(vhost.port);
  await outgoing.assertQueue(queue);
  for (let i = 0; i < JAVA_MESSAGES; i++) outgoing.sendToQueue(queue, Buffer.from(String(10 + (i % 5) * 10)));
  const { code, stdout, stderr } = await runProgram(
    ...javaApp('TakesTime', vhost.url(sidecar.port), queue, `${prefetch}`, `${JAVA_MESSAGES}`),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await until(async () => (await told(queue)).processed === JAVA_MESSAGES, 'all are settled');
  const times = String(stdout).trim().split('\n').map(Number);
  return { seen: times.slice(0, -1), way: times.at(-1) as number };
}

const JAVA_MESSAGES = 260;

describe('in an app in Java, the handler takes what the app measures', () => {
  test('at a prefetch of 1', async () => {
    const { seen, way } = await runJava('java-1', 1);
    const { count, worked } = await told('java-1');
    expect(count).toBe(JAVA_MESSAGES);
    expectClose(worked, mean(seen), way, 'handler');
  });

  test.each([10, 100])('at a prefetch of %i', async (prefetch) => {
    // on a machine that is busy enough one worker does not look like one: little is told then, and it is tried again
    for (let tries = 0; tries < 4; tries++) {
      const queue = `java-${prefetch}-${tries}`;
      const { seen, way } = await runJava(queue, prefetch);
      const { count, worked } = await told(queue);
      if (count < 60) continue;
      expectClose(worked, mean(seen.slice(-count)), way, 'handler');
      return;
    }
    expect.fail('of a few only it was known how long their handler took');
  });
});

describe('with several workers, what is told of a handler is true, and the rest is not told', () => {
  const cases: [string, Pick<App, 'prefetch' | 'takes'> & { every?: number }][] = [
    ['that overtake each other', { prefetch: 10, takes: (i) => 20 + ((i * 7919) % 60) }],
    ['that all take the same time', { prefetch: 10, takes: () => 50 }],
    ['that all take the same time, of a large prefetch', { prefetch: 100, takes: () => 50 }],
    ['that all take the same time, as messages come', { prefetch: 100, takes: () => 50, every: 10 }],
  ];
  test.each(cases)('%s', async (name, app) => {
    const queue = `several ${name}`;
    await run({ queue, messages: 400, workers: 100, ...app });
    const { count, worked, waited } = await told(queue);
    if (count === 0) return;
    // some may well be known: those that came while nothing else was open
    expect(worked).toBeGreaterThan(18);
    expect(waited).toBe(0);
  });
});
