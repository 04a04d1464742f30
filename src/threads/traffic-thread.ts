import { createServer } from 'node:net';
import { extname } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { RingReader, ringMemory } from '../events/ring.ts';
import { correlationMemory } from '../proxy/correlation/correlation-memory.ts';
import type { Fact } from '../proxy/plane/facts.ts';
import type { Command, Configuration, FoundConnections, Report, TrafficOptions } from './control.ts';

/** Some 23,000 sampled messages, 14,000 if they have an id of their own. */
const RING_BYTES = 2 << 20;

const NONE_FOUND: FoundConnections = { matching: 0, connections: [] };

/** A running traffic thread, seen from the main thread. */
export interface TrafficThread {
  /** the bound port */
  port: number;
  /** the Exposition's end of the thread's cells */
  metrics: MessagePort;
  events: RingReader;
  bypass(): void;
  learn(fact: Fact): void;
  /** Tells of messages of these topics as they end; undefined: no more than of those that are told of anyway. */
  watch(topics: readonly string[] | 'all' | undefined): void;
  /** Of the connections that have `text` in their names: how many there are, and the first `limit`. None once it has ended. */
  look(text: string, limit: number): Promise<FoundConnections>;
  /** Resolves when it holds, for the thread's next message; rejects when none of it does. */
  configure(configuration: Configuration): Promise<void>;
  /** Resolves when the last connection is gone, in order or not, and the thread with it. */
  drain(timeout: number): Promise<void>;
}

export type ThreadOptions = Omit<TrafficOptions, 'metrics' | 'ring' | 'calls' | 'index' | 'threads'>;

/**
 * Has a thread of its own load what a traffic thread runs. It does nothing before `startTraffic`, and
 * until then keeps no process alive.
 */
export function loadTraffic(): Worker {
  // from source in development, compiled otherwise: whatever this file is
  const entry = new URL(`./traffic${extname(import.meta.url)}`, import.meta.url);
  // a single executable has no such file, and says itself how a thread gets at what is within (scripts/executable)
  const worker = isSea()
    ? new Worker(getAsset('loader.cjs', 'utf8'), { eval: true, name: 'traffic' })
    : new Worker(entry, { name: 'traffic' });
  worker.unref();
  return worker;
}

/**
 * Starts `threads` traffic threads on one port, `first` among them, and waits until all listen. Rejects
 * with the system's error if they can't. `report` hears everything else they have to say; `died` is
 * called if one ends by itself.
 */
export async function startTraffic(
  options: ThreadOptions,
  threads: number,
  first: Worker,
  report: (message: Report, from: number) => void,
  died: (error: Error) => void,
): Promise<TrafficThread[]> {
  const shared = threads > 1;
  if (shared) await probe(options.listen.host, options.listen.port);
  const workers = [first, ...Array.from({ length: threads - 1 }, loadTraffic)];
  const calls = correlationMemory();
  const begin = (index: number, port: number): Promise<TrafficThread> => {
    const settings = { ...options, listen: { ...options.listen, port, shared }, calls, index, threads };
    return startThread(workers[index], settings, (message) => report(message, index), died);
  };
  const one = await begin(0, options.listen.port);
  // port 0: the others join the first one's; all at once, for each warms up
  const others = await Promise.all(workers.slice(1).map((_, index) => begin(index + 1, one.port)));
  return [one, ...others];
}

/** A shared port can be taken by another process without an error: so ask for it alone first. */
async function probe(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

async function startThread(
  worker: Worker,
  options: Omit<TrafficOptions, 'metrics' | 'ring'>,
  report: (message: Report) => void,
  died: (error: Error) => void,
): Promise<TrafficThread> {
  const { port1, port2 } = new MessageChannel();
  const ring = ringMemory(RING_BYTES);
  const say = (command: Command): void => worker.postMessage(command);
  const drained = Promise.withResolvers<void>();
  /** configurations on their way, in order */
  const configuring: PromiseWithResolvers<void>[] = [];
  const looking: PromiseWithResolvers<FoundConnections>[] = [];
  let ending = false;
  let over = false;
  worker.ref();
  worker.on('error', died);
  worker.on('exit', (code) => {
    over = true;
    if (!ending) died(new Error(`a traffic thread ended by itself, code ${code}`));
    drained.resolve();
    for (const { reject } of configuring.splice(0)) reject(new Error('the traffic thread has ended'));
    for (const { resolve } of looking.splice(0)) resolve(NONE_FOUND);
  });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (message: Report) => {
      if (message.type === 'listening') resolve(message.port);
      else if (message.type === 'failed') {
        ending = true;
        void worker.terminate();
        reject(Object.assign(new Error(message.error.message), message.error));
      } else if (message.type === 'drained') drained.resolve();
      else if (message.type === 'connections') looking.shift()?.resolve(message);
      else if (message.type === 'configured') {
        const { resolve, reject } = configuring.shift() as PromiseWithResolvers<void>;
        if (message.error === undefined) resolve();
        else reject(new Error(message.error));
      } else report(message);
    });
    worker.postMessage({ ...options, ring, metrics: port2 } satisfies TrafficOptions, [port2]);
  });
  return {
    port,
    metrics: port1,
    events: new RingReader(ring),
    bypass: () => say({ type: 'bypass' }),
    learn: (fact) => say({ type: 'learn', fact }),
    watch: (topics) => say({ type: 'watch', topics }),
    look(text, limit) {
      if (over) return Promise.resolve(NONE_FOUND);
      const answer = Promise.withResolvers<FoundConnections>();
      looking.push(answer);
      say({ type: 'look', text, limit });
      return answer.promise;
    },
    configure(configuration) {
      const answer = Promise.withResolvers<void>();
      configuring.push(answer);
      say({ type: 'configure', ...configuration });
      return answer.promise;
    },
    async drain(timeout) {
      ending = true;
      say({ type: 'drain', timeout });
      await drained.promise;
      // by its own end, not by the process's, which would wait for it in vain if it hung then
      await worker.terminate();
    },
  };
}
