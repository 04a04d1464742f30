import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { isMethod, split } from '../../testing/wire.ts';
import { opened, openOk } from './by-hand.ts';

/** One end of a connection through the sidecar, as a test moves it. */
export class End {
  readonly socket: Socket;
  readonly #received: Buffer[] = [];
  count = 0;
  /** the other side has ended */
  ended = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#received.push(bytes);
      this.count += bytes.length;
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }
}

/** Both ends of one connection. */
export interface Pair {
  app: End;
  broker: End;
}

/** A sidecar between apps and a broker that are both the test itself. */
export class Bench {
  readonly sidecar: Tracehare;
  readonly #accepted: End[];
  readonly #close: () => void;
  /** bytes that were ever written towards each side */
  #written = { upstream: 0, downstream: 0 };

  private constructor(sidecar: Tracehare, accepted: End[], close: () => void) {
    this.sidecar = sidecar;
    this.#accepted = accepted;
    this.#close = close;
  }

  static async start(args: string[] = ['--loss', 'off']): Promise<Bench> {
    const accepted: End[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(new End(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = `amqp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sidecar = await startTracehare({ upstream, args });
    return new Bench(sidecar, accepted, () => server.close());
  }

  async stop(): Promise<void> {
    await this.sidecar.stop();
    this.#close();
  }

  /**
   * Opens a connection. Only one at a time is being opened, so that it is known which two ends
   * belong together.
   */
  async open(): Promise<Pair> {
    const before = this.#accepted.length;
    const app = new End(connect({ port: this.sidecar.port, host: '127.0.0.1', allowHalfOpen: true }));
    while (this.#accepted.length === before) {
      if (app.closed) throw new Error('the sidecar closed a connection instead of opening its own');
      await new Promise(setImmediate);
    }
    return { app, broker: this.#accepted[before] };
  }

  write(from: keyof Pair, pair: Pair, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#written[from === 'app' ? 'upstream' : 'downstream'] += bytes.length;
    pair[from].socket.write(bytes);
  }

  /** The sidecar has read all that was written: what is written now comes to it as another chunk. */
  async read(): Promise<void> {
    await until(async () => {
      const metrics = await this.sidecar.metrics();
      return (['upstream', 'downstream'] as const).every(
        (direction) => metrics.sum('tracehare_relay_bytes_total', { direction }) >= this.#written[direction],
      );
    }, 'the sidecar has read everything');
  }

  /** The app logs in and opens channels 1 and 2 (`opened`), and the broker lets it in (`openOk`). */
  async letIn(pair: Pair, frameMax?: number): Promise<void> {
    this.write('app', pair, opened(frameMax));
    await this.read();
    this.write('broker', pair, openOk);
    await this.read();
  }

  /** Ends the app's side, then the broker's; resolves with what each has received. */
  async finish({ app, broker }: Pair): Promise<{ atBroker: Buffer; atApp: Buffer }> {
    app.socket.end();
    await until(() => broker.ended, 'the broker sees the end');
    broker.socket.end();
    await until(() => app.closed && broker.closed, 'both ends are closed');
    return { atBroker: broker.received, atApp: app.received };
  }

  /**
   * Plays app and broker, each in pieces (cut at the positions given, ascending), on one
   * connection per plan, all at once; the sidecar gets each piece as a chunk of its own. The broker lets
   * the app in when it has asked for that, and says all else when the app has said everything.
   */
  async play(
    bytes: { app: Buffer; broker: Buffer },
    plans: readonly { app: readonly number[]; broker: readonly number[] }[],
  ): Promise<{ atBroker: Buffer; atApp: Buffer }[]> {
    const pairs: Pair[] = [];
    for (const _ of plans) pairs.push(await this.open());
    const login = { app: behind(bytes.app, 10, 40), broker: behind(bytes.broker, 10, 41) };
    const parts = [
      { from: 'app', start: 0, end: login.app },
      { from: 'broker', start: 0, end: login.broker },
      { from: 'app', start: login.app, end: bytes.app.length },
      { from: 'broker', start: login.broker, end: bytes.broker.length },
    ] as const;
    for (const { from, start, end } of parts) {
      const pieces = plans.map((plan) => cut(bytes[from], plan[from], start, end));
      const turns = Math.max(...pieces.map((each) => each.length));
      for (let turn = 0; turn < turns; turn++) {
        pairs.forEach((pair, i) => {
          this.write(from, pair, pieces[i][turn] ?? Buffer.alloc(0));
        });
        await this.read();
      }
    }
    return Promise.all(pairs.map((pair) => this.finish(pair)));
  }
}

/** The offset behind the first frame of this method; 0 if there is none. */
function behind(bytes: Buffer, classId: number, methodId: number): number {
  const { opening, frames } = split(bytes);
  const last = frames.findIndex((frame) => isMethod(frame, classId, methodId));
  return last < 0 ? 0 : opening.length + Buffer.concat(frames.slice(0, last + 1)).length;
}

function cut(bytes: Buffer, cuts: readonly number[], start: number, end: number): Buffer[] {
  const edges = [start, ...cuts.filter((at) => at > start && at < end), end];
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

/** Every connection of the test is known to the sidecar as one that it did, or did not, read. */
export async function expectUnobserved(sidecar: Tracehare, reasons: Record<string, number>): Promise<void> {
  const metrics = await sidecar.metrics();
  const counted = metrics.matching('tracehare_unobserved_total').filter(({ value }) => value > 0);
  expect(Object.fromEntries(counted.map(({ labels, value }) => [labels.reason, value]))).toEqual(reasons);
}
