import { setTimeout as sleep } from 'node:timers/promises';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { random } from '../truth/bodies.ts';
import { amqplib, cloudamqp, rabbitmqClient } from './clients.ts';
import { commonSlope, type Reading, type Slope } from './slope.ts';
import { choose } from './trouble.ts';
import { consume, Known, produce, type Work } from './work.ts';
import { World } from './world.ts';

export interface Verdict {
  /** what was promised and does not hold; empty: all does */
  problems: string[];
  /** what was measured, a line each */
  measured: string[];
}

const CLIENTS = { amqplib, 'amqp-client': cloudamqp, 'rabbitmq-client': rabbitmqClient };
/** ms between two batches of a producer: it is time that makes things grow, not speed */
const PAUSE = 250;
/** Memory may still settle in a short run; in a long one it may not grow. MiB a minute. */
const growthAllowed = (minutes: number): number => Math.max(0.2, 15 / minutes);
/** Connections of the scrape and of exporters may stand. */
const DESCRIPTORS_ALLOWED = 5;

/** Mixed clients, and one thing after the other that goes wrong, chosen by `seed`. `print` gets a line for each. */
export async function soak(minutes: number, seed: number, print: (line: string) => void): Promise<Verdict> {
  const python = pikaPython();
  if (python === undefined) throw new Error('no Python with pika: run `node scripts/provision.mjs pika`');
  const queues = [...Object.keys(CLIENTS), 'pika'];
  const world = await World.start(queues);
  const reading = setInterval(() => {
    // the process may have just ended
    try {
      world.read();
    } catch {}
  }, 1000);
  try {
    const works = Object.entries(CLIENTS).map(([queue, client]): Work => {
      return { client, url: world.url, queue, known: new Known() };
    });
    let isOver = false;
    const consumed = Promise.withResolvers<void>();
    const producing = works.map((work) => {
      let id = 0;
      return produce(
        work,
        () => id++,
        () => isOver,
        PAUSE,
      );
    });
    const consuming = works.map((work) => consume(work, consumed.promise));
    const pika = startPika(python, world.url);

    const draw = random(seed);
    while (world.minutes < minutes) {
      const trouble = choose(draw());
      await sleep(1000 + draw() * 2000);
      await trouble.make(world);
      await sleep(2000);
      print(lineOf(world, works, trouble.name));
    }

    // apps that leave make everything less
    clearInterval(reading);
    isOver = true;
    await world.endFaults();
    await Promise.all(producing);
    await until(
      () => works.every(({ known }) => known.missing === 0),
      () => `all is consumed; missing are ${works.map(({ queue, known }) => `${queue} ${known.missing}`)}`,
      120_000,
    ).catch(() => {});
    const knownByPika = await pika.stop();
    const idle = await until(
      async () => (await world.sidecar.metrics()).sum('tracehare_unsettled_deliveries') === 0,
      'all is settled',
    ).catch(() => false);
    consumed.resolve();
    await Promise.all(consuming);
    return await judge(world, [...works.map(({ queue, known }) => ({ queue, known })), knownByPika], idle, minutes);
  } finally {
    clearInterval(reading);
    await world.stop();
  }
}

interface OfClient {
  queue: string;
  known: Known;
}

function startPika(python: string, url: string) {
  const input = Promise.withResolvers<string>();
  const script = new URL('../clients/pika_soak.py', import.meta.url).pathname;
  const ended = run(python, [script, url, 'pika'], { input: input.promise });
  return {
    async stop(): Promise<OfClient> {
      input.resolve('stop\n');
      const { code, stdout, stderr } = await ended;
      if (code !== 0) throw new Error(`pika's part ended with ${code}: ${stderr}`);
      const { published, consumed, ...counts } = JSON.parse(stdout.toString());
      const known = Object.assign(new Known(), counts);
      for (const id of published) known.published.add(id);
      for (const id of consumed) known.consumed.add(id);
      return { queue: 'pika', known };
    },
  };
}

function lineOf({ memory, descriptors, minutes, lives }: World, works: readonly Work[], trouble: string): string {
  const acked = works.map(({ queue, known }) => `${queue} ${known.acked}`).join(', ');
  const [rss, fds] = [memory, descriptors].map((readings) => readings.at(-1)?.value ?? Number.NaN);
  return `${minutes.toFixed(1).padStart(6)} min  ${rss.toFixed(1)} MiB  ${fds} descriptors  sidecar ${lives.length + 1}  acked: ${acked}  ${trouble}`;
}

async function judge(world: World, clients: OfClient[], idle: boolean, minutes: number): Promise<Verdict> {
  const problems: string[] = [];
  const measured: string[] = [];
  const hold = (what: string, holds: boolean, seen: object): void => {
    if (!holds) problems.push(`${what}: ${JSON.stringify(seen)}`);
  };
  const metrics = await until(async () => {
    const now = await world.sidecar.metrics();
    return now.sum('tracehare_connections') === 0 && now;
  }, 'no connection is left');
  for (const figure of ['unsettled_deliveries', 'channels', 'observer_failures_total'])
    hold(`tracehare_${figure} is 0 when all have gone`, metrics.sum(`tracehare_${figure}`) === 0, {
      value: metrics.sum(`tracehare_${figure}`),
    });
  hold('all is settled in the end', idle, {});
  const limit = world.atFirst + DESCRIPTORS_ALLOWED;
  await until(() => world.openDescriptors <= limit, 'descriptors return').catch(() =>
    problems.push(`descriptors do not return: ${world.openDescriptors}, at first ${world.atFirst}`),
  );
  await world.endSidecar();
  for (const client of clients) judgeClient(world, client, hold, measured);
  for (const [what, unit, readings, allowed] of [
    ['memory', 'MiB', world.memory, growthAllowed(minutes)],
    ['descriptors', '', world.descriptors, 1],
  ] as const) {
    const { slope, error } = commonSlope(settled(readings));
    const highest = Math.max(...readings.map(({ value }) => value));
    measured.push(`${what}: ${signed(slope)} ± ${error.toFixed(3)} ${unit} a minute, highest ${highest.toFixed(1)}`);
    hold(`${what} does not grow`, !(slope - 3 * error > allowed), { slope, error } satisfies Slope);
  }
  return { problems, measured };
}

function judgeClient(
  world: World,
  { queue, known }: OfClient,
  hold: (what: string, holds: boolean, seen: object) => void,
  measured: string[],
): void {
  const of = (name: string, attributes: Record<string, string> = {}) =>
    world.sum(name, { topic: queue, ...attributes });
  const success = of('event_throughput_total', { side: 'publish', status: 'success' });
  const failed = of('event_throughput_total', { side: 'publish', status: 'failed' });
  const unknown = of('event_unknown_total', { side: 'publish' });
  const lost = of('event_lost_total', { side: 'publish', reason: 'fault' });
  const settled = of('event_throughput_total', { side: 'consume', status: 'success' });
  const requeued = of('event_requeued_total');
  const unsure = of('event_unknown_total', { side: 'consume' });
  const delivered = world.sum('messaging.client.consumed.messages', { 'messaging.destination.template': queue });
  const { attempts, acked, nacked, missing } = known;
  const seen = { queue, attempts, acked, nacked, success, failed, unknown, lost, missing };
  const total = success + failed + unknown;
  hold('what the broker acknowledged has arrived', missing === 0, seen);
  hold('a success for each ack', success >= acked, seen);
  hold('a failure for each nack', failed >= nacked && failed === lost, seen);
  hold('each attempt counts once at most', acked + nacked <= total && total <= attempts, seen);
  const consumer = { queue, delivered, settled, requeued, unsure, known: known.delivered, knownSettled: known.settled };
  hold('what was delivered was settled or went back', delivered === settled + requeued + unsure, consumer);
  hold('settled is what apps have settled', settled <= known.settled && settled >= known.published.size, consumer);
  hold('all that apps got was delivered', delivered >= known.delivered, consumer);
  measured.push(
    `${queue}: ${attempts} attempts, ${acked} acked, ${success} success, ${failed} failed, ${unknown} unknown; ` +
      `${known.delivered} got, ${settled} settled, ${requeued} requeued, missing ${missing}; ${known.broken} times broken`,
  );
}

/** Without the beginning of each life, in which what it needs comes together. */
function settled(readings: readonly Reading[]): Reading[] {
  return [...Map.groupBy(readings, ({ life }) => life).values()].flatMap((life) => {
    const [first, last] = [life[0].minutes, life[life.length - 1].minutes];
    return life.filter(({ minutes }) => minutes >= first + Math.min(1, (last - first) / 3));
  });
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
