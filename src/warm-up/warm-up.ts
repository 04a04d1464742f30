import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Listener } from '../proxy/listening/listener.ts';
import type { Plane } from '../proxy/plane/plane.ts';
import { Dialer } from '../proxy/stream/dial.ts';
import { Batch } from './batch.ts';
import { Peers } from './peers.ts';

const HOST = '127.0.0.1';

/**
 * Connections, one after the other: what V8 learns of a function from few calls, such as those of a handshake, it
 * forgets again as soon as the function is called in another way.
 */
const CONNECTIONS = 12;

/** Rounds of one connection, each with as many messages as one read brings: at a pod's rates few, at full speed many. */
const ROUNDS = 60;
const SIZES = [1, 64, 1, 16, 2, 64];

/** What it may take, ms of this thread's CPU and of time: on a slow or busy processor the start does not wait for the rest. */
const BUDGET = { cpu: 400, time: 2000 };
const DIAL_TIMEOUT_MS = 2000;

/** A data plane that serves nobody. */
export interface Rehearsal {
  plane: Plane;
  /** Empties what its observer tells. */
  tidy(): void;
}

/**
 * Has V8 compile the data plane before apps can connect: else the first hundred thousand messages cost twice as much as
 * all later ones, which a pod with little CPU feels for minutes. An app and a broker that are us talk over loopback,
 * through the listener and sockets that all others get: what is compiled for sockets of another kind is thrown away when
 * real ones come. Two data planes are better than one: V8 takes the only one it knows for the only one there will be. Never
 * rejects: a start does without.
 */
export async function warmUp(rehearsals: readonly Rehearsal[], budget = BUDGET): Promise<void> {
  const stages = rehearsals.map(({ plane }) => new Stage(plane));
  const ended = new AbortController();
  try {
    const late = setTimeout(budget.time, undefined, { signal: ended.signal });
    await Promise.race([rehearse(rehearsals, stages, budget.cpu), late]);
  } catch {
    // no loopback, or none where one may listen: nothing is lost but the warm-up
  } finally {
    ended.abort();
    for (const stage of stages) stage.close();
  }
}

async function rehearse(rehearsals: readonly Rehearsal[], stages: readonly Stage[], budget: number): Promise<void> {
  const began = process.threadCpuUsage();
  for (const stage of stages) await stage.open();
  for (let number = 0; number < CONNECTIONS; number++) {
    const { plane, tidy } = rehearsals[number % stages.length];
    // each kind of app on each stage
    const peers = await stages[number % stages.length].connect(number % (2 * stages.length) < stages.length);
    const sentAt = plane.clock.micros(plane.clock.now());
    const exchange = `exchange ${number}`;
    const routes = [
      { exchange, routingKey: 'one' },
      { exchange, routingKey: 'two' },
    ] as const;
    const batches = SIZES.map((size) => new Batch(size, routes, sentAt));
    for (let round = 0; round < ROUNDS; round++) {
      await peers.pass(batches[round % SIZES.length], round % 2 === 0);
      const { user, system } = process.threadCpuUsage(began);
      if ((user + system) / 1000 > budget) return;
    }
    tidy();
  }
}

/** A listener of the data plane, the broker behind it, and who connects to them. */
class Stage {
  readonly #listener: Listener;
  readonly #broker = createServer({ noDelay: true });
  readonly #upstream = { host: HOST, port: 0, tls: false };
  readonly #sockets: Socket[] = [];
  #port = 0;

  constructor(plane: Plane) {
    const dialer = new Dialer({
      servers: [this.#upstream],
      security: { verify: true },
      timeout: DIAL_TIMEOUT_MS,
      result() {},
    });
    this.#listener = new Listener(plane, dialer, undefined);
  }

  async open(): Promise<void> {
    this.#broker.listen(0, HOST);
    await once(this.#broker, 'listening');
    this.#upstream.port = (this.#broker.address() as AddressInfo).port;
    this.#port = (await this.#listener.listen({ host: HOST, port: 0, shared: false })).port;
  }

  async connect(acknowledged: boolean): Promise<Peers> {
    const accepted = once(this.#broker, 'connection');
    const app = this.#add(connect({ host: HOST, port: this.#port, noDelay: true }));
    const [broker] = (await accepted) as [Socket];
    return Peers.open(app, this.#add(broker), acknowledged);
  }

  #add(socket: Socket): Socket {
    this.#sockets.push(socket.on('error', () => {}));
    return socket;
  }

  /** Ends all at once, and leaves no port in TIME_WAIT. */
  close(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#broker.close();
    void this.#listener.close();
  }
}
