import { setTimeout as sleep } from 'node:timers/promises';
import { pikaPython } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { random } from '../truth/bodies.ts';
import { amqplib, cloudamqp, rabbitmqClient } from './clients.ts';
import { judge, type OfClient, type Verdict } from './judge.ts';
import { choose } from './trouble.ts';
import { consume, Known, produce } from './work.ts';
import { World } from './world.ts';

const CLIENTS = { amqplib, 'amqp-client': cloudamqp, 'rabbitmq-client': rabbitmqClient };
/** ms between two batches of a producer: it is time that makes things grow, not speed */
const PAUSE = 250;
/** for an app that is to end, and waits for all that it has published */
const PATIENCE_MS = 300_000;

/** Mixed clients, and one thing after the other that goes wrong, chosen by `seed`. `print` gets a line for each. */
export async function soak(minutes: number, seed: number, print: (line: string) => void): Promise<Verdict> {
  const python = pikaPython();
  if (python === undefined) throw new Error('no Python with pika: run `node scripts/provision.mjs pika`');
  const queues = [...Object.keys(CLIENTS), 'pika'];
  const world = await World.start(queues);
  const reading = setInterval(() => world.read(), 1000);
  try {
    const works = Object.entries(CLIENTS).map(([queue, client], index) => {
      const ways = waysOf(world, index);
      return { client, queue, known: new Known(), ...ways };
    });
    let isOver = false;
    const consumed = Promise.withResolvers<void>();
    const producing = works.map((work) => {
      let id = 0;
      return produce(
        { ...work, url: work.publishes },
        () => id++,
        () => isOver,
        PAUSE,
      );
    });
    const consuming = works.map((work) => consume({ ...work, url: work.consumes }, consumed.promise));
    const pika = startPika(python, waysOf(world, works.length));

    const draw = random(seed);
    while (world.minutes < minutes) {
      const trouble = choose(draw());
      await sleep(1000 + draw() * 2000);
      await trouble.make(world);
      await sleep(2000);
      print(await lineOf(world, works, trouble.name));
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
    const ofPika = await pika.stop();
    const idle = await until(async () => (await unsettled(world)) === 0, 'all is settled').catch(() => false);
    consumed.resolve();
    await Promise.all(consuming);
    const clients = ofPika === undefined ? works : [...works, ofPika];
    const verdict = await judge(world, clients, idle, minutes);
    if (ofPika === undefined) verdict.problems.push('pika did not come to an end');
    return verdict;
  } finally {
    clearInterval(reading);
    await world.stop();
  }
}

/** Where an app publishes and where it consumes: half of them each way round. */
interface Ways {
  publishes: string;
  consumes: string;
}

function waysOf({ lasting, replaced }: World, index: number): Ways {
  const [publishes, consumes] = index % 2 === 0 ? [lasting.url, replaced.url] : [replaced.url, lasting.url];
  return { publishes, consumes };
}

async function unsettled({ entrances }: World): Promise<number> {
  const all = await Promise.all(entrances.map(({ sidecar }) => sidecar.metrics()));
  return all.reduce((sum, metrics) => sum + metrics.sum('tracehare_unsettled_deliveries'), 0);
}

function startPika(python: string, { publishes, consumes }: Ways) {
  const input = Promise.withResolvers<string>();
  const script = new URL('../clients/pika_soak.py', import.meta.url).pathname;
  const ended = run(python, [script, publishes, consumes, 'pika'], { input: input.promise });
  return {
    /** Undefined if it does not come to an end. */
    async stop(): Promise<OfClient | undefined> {
      input.resolve('stop\n');
      const result = await Promise.race([ended, sleep(PATIENCE_MS, undefined, { ref: false })]);
      if (result === undefined) return undefined;
      const { code, stdout, stderr } = result;
      if (code !== 0) throw new Error(`pika's part ended with ${code}: ${stderr.slice(-2000)}`);
      const { published, consumed, ...counts } = JSON.parse(stdout.toString());
      const known = Object.assign(new Known(), counts);
      for (const id of published) known.published.add(id);
      for (const id of consumed) known.consumed.add(id);
      return { queue: 'pika', known };
    },
  };
}

async function lineOf({ lasting, replaced, minutes }: World, works: readonly OfClient[], trouble: string) {
  const acked = works.map(({ queue, known }) => `${queue} ${known.acked}`).join(', ');
  const [resident, descriptors] = [lasting.memory, lasting.descriptors].map((readings) => readings.at(-1)?.value ?? 0);
  const metrics = await lasting.sidecar.metrics().catch(() => undefined);
  const heap = (metrics?.sum('nodejs_heap_size_used_bytes') ?? Number.NaN) / 2 ** 20;
  const memory = `${resident.toFixed(1)} MiB (heap ${heap.toFixed(1)})  ${descriptors} descriptors`;
  return `${minutes.toFixed(1).padStart(6)} min  ${memory}  sidecar ${replaced.lives.length + 1} beside it  acked: ${acked}  ${trouble}`;
}
