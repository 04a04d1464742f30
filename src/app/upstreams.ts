import { connect } from 'node:net';
import type { Config } from '../config/config.ts';
import { nameOf, type Upstream } from '../proxy/stream/dial.ts';
import type { AppLog } from './log.ts';

/** How long it holds what a try to connect came to. */
const FRESH_MS = 1000;

/** Whether each upstream answered when it was last dialled, told by the traffic threads. */
export class Upstreams {
  #config: Config['upstream'];
  /** changes are told there */
  log: AppLog;
  readonly #up: Map<string, boolean | null>;
  /** by upstream: what a connection to it came to, and when */
  readonly #tried = new Map<string, { reason: string | undefined; at: number }>();
  readonly #now: () => number;

  constructor(config: Config['upstream'], log: AppLog, now: () => number = () => performance.now()) {
    this.#config = config;
    this.log = log;
    this.#now = now;
    this.#up = new Map(config.servers.map((server) => [nameOf(server), null]));
  }

  /** The servers are the same for good. */
  configure(config: Config['upstream']): void {
    this.#config = config;
  }

  /** Logs changes only: an upstream that is down is dialled with every new connection. */
  dialled(upstream: string, reason: string | undefined): void {
    const up = reason === undefined;
    const was = this.#up.get(upstream);
    this.#up.set(upstream, up);
    // what fails behind the TCP connection, a certificate for one, says nothing of whether the broker is there: whoever
    // asks next has it tried anew
    if (up) this.#tried.set(upstream, { reason, at: this.#now() });
    else this.#tried.delete(upstream);
    if (up && was === false) this.log.info({ upstream }, 'upstream reachable again');
    if (!up && was !== false) this.log.warn({ upstream, reason }, 'upstream unreachable');
  }

  /** `up` is null before the first dial. */
  list(): { address: string; up: boolean | null }[] {
    return [...this.#up].map(([address, up]) => ({ address, up }));
  }

  /**
   * Whether any upstream accepts a connection: undefined, or why none does. Whoever asks often hears what was found
   * a moment ago, by a traffic thread perhaps: health checks must not become load on the broker.
   */
  async reachable(): Promise<string | undefined> {
    const reasons: string[] = [];
    for (const server of this.#config.servers) {
      const reason = await this.#refusal(server);
      if (reason === undefined) return undefined;
      reasons.push(`upstream ${nameOf(server)}: ${reason}`);
    }
    return reasons.join('; ');
  }

  async #refusal(server: Upstream): Promise<string | undefined> {
    const name = nameOf(server);
    const last = this.#tried.get(name);
    if (last !== undefined && this.#now() - last.at < FRESH_MS) return last.reason;
    const reason = await refusal(server, this.#config.connectTimeout);
    this.#tried.set(name, { reason, at: this.#now() });
    return reason;
  }
}

function refusal({ host, port }: Upstream, timeout: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reason?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    // the socket's own timeout would not cover the look-up and the handshake
    const timer = setTimeout(() => end(`no answer within ${timeout} ms`), timeout);
    socket.once('connect', () => end());
    socket.once('error', (error) => end(error.message));
  });
}
