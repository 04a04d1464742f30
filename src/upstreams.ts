import { connect } from 'node:net';
import type { Config } from './config/config.ts';
import type { Logger } from './log.ts';
import { nameOf, type Upstream } from './proxy/dial.ts';

/** Whether each upstream answered when it was last dialled, told by the traffic threads. */
export class Upstreams {
  #config: Config['upstream'];
  readonly #log: Logger;
  readonly #up: Map<string, boolean | null>;

  constructor(config: Config['upstream'], log: Logger) {
    this.#config = config;
    this.#log = log;
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
    if (up && was === false) this.#log.info({ upstream }, 'upstream reachable again');
    if (!up && was !== false) this.#log.warn({ upstream, reason }, 'upstream unreachable');
  }

  /** `up` is null before the first dial. */
  list(): { address: string; up: boolean | null }[] {
    return [...this.#up].map(([address, up]) => ({ address, up }));
  }

  /** Whether any upstream accepts a connection right now: undefined, or why none does. */
  async reachable(): Promise<string | undefined> {
    const reasons: string[] = [];
    for (const server of this.#config.servers) {
      const reason = await refusal(server, this.#config.connectTimeout);
      if (reason === undefined) return undefined;
      reasons.push(`upstream ${nameOf(server)}: ${reason}`);
    }
    return reasons.join('; ');
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
