import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { type Client, clients } from './clients.ts';
import { checkDownstream, checkUpstream } from './compare.ts';
import { Bench } from './replay.ts';

/** Connections that are open at once. */
const BATCH = 100;

/** What the client and a broker say to each other with nothing in between. */
async function capture(client: Client, much: 'few' | 'much'): Promise<{ app: Buffer; broker: Buffer }> {
  const vhost = await createVhost();
  const recorder = await startRecorder(vhost.port);
  try {
    await client[much](vhost.url(recorder.port));
    await until(() => recorder.captures[0]?.ended, 'the connection has ended');
    return { app: bytesFrom('app', recorder.captures[0]), broker: bytesFrom('broker', recorder.captures[0]) };
  } finally {
    await recorder.stop();
    await vhost.remove();
  }
}

/** Pieces the next numbers of a generator say: the same in every run, so that a failure comes again. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe.each(clients)('what $name wrote, split', (client) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start();
  });
  afterAll(() => bench.stop());

  test('at every point, arrives the same but for our headers; so does the answer', async () => {
    const bytes = await capture(client, 'few');
    const points = Math.max(bytes.app.length, bytes.broker.length);
    const plans = Array.from({ length: points - 1 }, (_, i) => ({
      app: [1 + (i % (bytes.app.length - 1))],
      broker: [1 + (i % (bytes.broker.length - 1))],
    }));
    const whole = checkUpstream(bytes.app, (await bench.play(bytes, [{ app: [], broker: [] }]))[0].atBroker);
    expect(whole.sent).toBeGreaterThan(0);
    for (let first = 0; first < plans.length; first += BATCH) {
      const batch = plans.slice(first, first + BATCH);
      const results = await bench.play(bytes, batch);
      for (const { atBroker, atApp } of results) {
        expect(checkUpstream(bytes.app, atBroker)).toEqual(whole);
        checkDownstream(bytes.broker, atApp);
      }
    }
  });

  test('at random points, with bodies above frame_max, arrives the same but for our headers', async () => {
    const bytes = await capture(client, 'much');
    const numbers = random(client.name.length);
    const cuts = (length: number, count: number) =>
      Array.from({ length: count }, () => Math.floor(numbers.next().value * length)).sort((a, b) => a - b);
    const plans = Array.from({ length: 12 }, () => ({
      app: cuts(bytes.app.length, 20),
      broker: cuts(bytes.broker.length, 20),
    }));
    for (const { atBroker, atApp } of await bench.play(bytes, plans)) {
      expect(checkUpstream(bytes.app, atBroker).sent).toBeGreaterThan(0);
      checkDownstream(bytes.broker, atApp);
    }
  });
});
