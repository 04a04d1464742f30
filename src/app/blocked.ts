import type { EventBus } from '../events/bus.ts';

/** A bound on what a broker that never unblocks could make of it: no thread has more connections. */
const MOST = 100_000;

/** The connections that the broker reads nothing from, as it told them. */
export class Blocked {
  readonly #connections = new Map<number, string>();

  constructor(bus: EventBus) {
    bus.on('connection.blocked', ({ connection, blocked, reason }) => {
      this.#connections.delete(connection);
      if (blocked && this.#connections.size < MOST) this.#connections.set(connection, reason);
    });
    bus.on('connection.closed', ({ connection }) => this.#connections.delete(connection));
  }

  /** With the reason of the latest. */
  get figures(): { connections: number; reason: string | null } {
    return { connections: this.#connections.size, reason: [...this.#connections.values()].at(-1) ?? null };
  }
}
