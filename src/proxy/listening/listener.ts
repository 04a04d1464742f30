import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { ConnectionRow } from '../../api.ts';
import { Connection } from '../connection/connection.ts';
import type { Outage, Plane, PlaneSettings } from '../plane/plane.ts';
import { ScanScratch } from '../scanning/scan-scratch.ts';
import { OutOfDescriptors, SpareDescriptor } from '../stream/descriptors.ts';
import type { Dialer } from '../stream/dial.ts';
import { Scratch } from '../stream/output.ts';
import { HIGH_WATER_MARK } from '../stream/relay.ts';
import { readChunks, withReader } from '../stream/socket-reader.ts';
import { Handshakes, type TlsSettings } from './handshakes.ts';

/** How often is looked for what ends because time passes: returns that did not come, publishers that are blocked. */
const SWEEP_MS = 250;
/** Every client sends its protocol header as soon as it is connected. */
const SPEAKS_WITHIN_MS = 500;

export interface ListenerOptions {
  host: string;
  port: number;
  /** other threads listen on the same port: the kernel shares connections out (SO_REUSEPORT) */
  shared: boolean;
  tls?: TlsSettings | undefined;
}

/** Accepts apps and gives each its own broker connection. */
export class Listener {
  readonly #plane: Plane;
  readonly #dialer: Dialer;
  readonly #server: Server;
  readonly #scratch = { output: new Scratch(), runs: new ScanScratch() };
  readonly #connections = new Set<Connection>();
  /** accepted, their TLS handshake or the dialling of their broker under way */
  readonly #arriving = new Set<Socket>();
  readonly #handshakes: Handshakes | undefined;
  readonly #spare = new SpareDescriptor();
  #tls: ListenerOptions['tls'];
  #ids: number;
  readonly #idStep: number;
  readonly #sweep: NodeJS.Timeout;
  #idle: (() => void)[] = [];
  /** called whenever a file descriptor is missing for an app or its broker connection, so maybe often */
  onOutOfDescriptors: () => void = () => {};
  /** partitions under way, and the connections that each of them stalls */
  readonly #outages = new Map<Outage, Set<Connection>>();

  /** `firstId` and `idStep` keep the ids of several traffic threads apart. */
  constructor(plane: Plane, dialer: Dialer, tls: ListenerOptions['tls'], firstId = 1, idStep = 1) {
    this.#plane = plane;
    this.#dialer = dialer;
    this.#tls = tls;
    this.#ids = firstId;
    this.#idStep = idStep;
    this.#handshakes = tls && new Handshakes(tls, (code, peer) => plane.onMistake({ by: 'app in TLS', code, peer }));
    // with TLS, an app that ends its side before its handshake has gone; without, its end is passed on to the broker
    const options = { allowHalfOpen: tls === undefined, highWaterMark: HIGH_WATER_MARK };
    // an app without heartbeats that is gone without a word is found out by the kernel alone
    const socketOptions = { pauseOnConnect: true, noDelay: true, keepAlive: true };
    this.#server = createServer({ ...options, ...socketOptions }, (socket) => this.#accept(socket));
    plane.onCrowded = () => setImmediate(() => this.age());
    this.#sweep = setInterval(() => this.#onSweep(), SWEEP_MS).unref();
  }

  /** Resolves with the address and port; rejects with the system's error, EADDRINUSE for a taken port. */
  listen({ host, port, shared }: ListenerOptions): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 1024, ...(shared && { reusePort: true }) }, () => {
        this.#server.off('error', reject);
        // e.g. EMFILE on accept: that app is refused, the others go on
        this.#server.on('error', () => this.#outOfDescriptors());
        const { address, port } = this.#server.address() as AddressInfo;
        resolve({ host: address, port });
      });
    });
  }

  /** Another configuration, for open connections too; `tls` is for those to come. */
  configure(settings: PlaneSettings, tls: ListenerOptions['tls']): void {
    if (tls !== undefined && !isDeepStrictEqual(tls, this.#tls)) {
      this.#handshakes?.configure(tls);
      this.#tls = tls;
    }
    this.#plane.configure(settings);
    for (const connection of this.#connections) {
      connection.reconfigured();
      if (settings.releases) connection.release();
    }
  }

  /** Routes that were not used since the call before are forgotten: names come and go. */
  age(): void {
    this.#plane.age();
    for (const connection of this.#connections) connection.rerouted();
  }

  /** Of the connections that have `text` in their names: how many there are, and the first `limit`. */
  look(text: string, limit: number): { matching: number; connections: Omit<ConnectionRow, 'sidecar'>[] } {
    const lowerCase = text.toLowerCase();
    const matching = [...this.#connections].map(({ view }) => view).filter((view) => view.has(lowerCase));
    return { matching: matching.length, connections: matching.slice(0, limit).map((view) => view.row()) };
  }

  get connections(): number {
    return this.#connections.size + this.#arriving.size;
  }

  async #accept(accepted: Socket): Promise<void> {
    const { traffic } = this.#plane.observer;
    if (this.connections >= this.#plane.options.connections) {
      traffic.connectionRefused('limit');
      reset(accepted);
      return;
    }
    const arriving = this.#handshakes === undefined ? withReader(accepted) : accepted;
    // an app may leave before it has a connection
    arriving.on('error', () => {});
    this.#arriving.add(arriving);
    try {
      const app = this.#handshakes === undefined ? arriving : await this.#handshakes.begin(arriving);
      if (app === undefined) traffic.connectionRefused('tls_handshake');
      else await this.#join(app);
    } finally {
      this.#arriving.delete(arriving);
      this.#tellIdle();
    }
  }

  /** Gives the app a broker connection of its own. */
  async #join(app: Socket): Promise<void> {
    const { traffic } = this.#plane.observer;
    app.on('error', () => {});
    try {
      const { socket, upstream } = await this.#dialer.dial();
      this.#spare.check();
      if (app.destroyed) {
        socket.destroy();
        return;
      }
      const id = this.#ids;
      this.#ids += this.#idStep;
      this.#connections.add(
        new Connection(id, app, socket, upstream, this.#plane, this.#scratch, (ended) => this.#ended(ended)),
      );
      app.resume();
      socket.resume();
    } catch (error) {
      // no invented handshake: the app sees what it would see of a broker that is not there
      if (error instanceof OutOfDescriptors) this.#outOfDescriptors();
      else {
        traffic.connectionRefused('upstream_unreachable');
        await hasSpoken(app);
      }
      reset(app);
    }
  }

  #outOfDescriptors(): void {
    this.#plane.observer.traffic.connectionRefused('limit');
    this.onOutOfDescriptors();
  }

  #ended(connection: Connection): void {
    this.#connections.delete(connection);
    for (const stalled of this.#outages.values()) stalled.delete(connection);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.connections === 0) for (const tell of this.#idle.splice(0)) tell();
  }

  #onSweep(): void {
    const { clock, observer } = this.#plane;
    if (clock.check()) observer.traffic.clockReanchored();
    const now = clock.now();
    this.#sweepOutages(now);
    this.#plane.sweep(now);
    for (const connection of this.#connections) connection.sweep(now);
  }

  #sweepOutages(now: number): void {
    const { outages = [] } = this.#plane.options;
    for (const outage of outages) {
      if (outage.existing !== 'keep' && !this.#outages.has(outage) && outage.isActive(now)) this.#begin(outage);
    }
    for (const [outage, stalled] of this.#outages) {
      if (outages.includes(outage) && outage.isActive(now)) continue;
      this.#outages.delete(outage);
      for (const connection of stalled) connection.stall(outage, false);
    }
  }

  #begin(outage: Outage): void {
    const stalled = new Set<Connection>();
    this.#outages.set(outage, stalled);
    for (const connection of this.#connections) {
      if (outage.toxicity < 1 && Math.random() >= outage.toxicity) continue;
      this.#plane.observer.traffic.faultInjected('partition');
      if (outage.existing === 'cut') connection.resetFor('fault: partition');
      else {
        connection.stall(outage, true);
        stalled.add(connection);
      }
    }
  }

  /** No connection is left, or `timeout` ms passed. */
  idle(timeout: number): Promise<void> {
    if (this.connections === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Ends every connection in order, and accepts none. */
  async close(): Promise<void> {
    this.#server.close();
    for (const app of this.#arriving) reset(app);
    this.#arriving.clear();
    for (const connection of this.#connections) connection.drain();
    // app's close-ok, broker's close-ok and the FINs have a second each
    await this.idle(4000);
    clearInterval(this.#sweep);
    this.#spare.release();
  }
}

/**
 * The app has sent something, or gone, or does neither for a while. Where a connection ends before its first bytes are
 * written, clients stumble that take the same a moment later for a broker which is away (bunny gives up for good).
 */
function hasSpoken(app: Socket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, SPEAKS_WITHIN_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    readChunks(app, done);
    app.once('end', done).once('close', done);
    app.resume();
  });
}

function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // TLS has no reset of its own
    socket.destroy();
  }
}
