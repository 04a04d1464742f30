import type { LifecycleEvent } from '../events/lifecycle.ts';

/** What is known of a connection: what message events leave out because it never changes. */
export interface Connection {
  /** the app's address, `ip:port` */
  readonly client: string;
  readonly brokerHost: string;
  readonly brokerPort: number;
  /** the app's own name for the connection, else its client library's; '' until connection.open-ok */
  readonly clientId: string;
  /** what it is called on the service map; '' until connection.open-ok */
  readonly app: string;
}

/**
 * Connections by number, from the events that tell of them. The events of a connection's last
 * messages come after its end, so a closed one is remembered until `keepClosed` more have closed.
 * Beyond `capacity` the oldest goes.
 */
export class ConnectionTable {
  #known = new Map<number, Connection>();
  #closed: number[] = [];
  #keepClosed: number;
  #capacity: number;

  constructor(keepClosed = 1000, capacity = 20_000) {
    this.#keepClosed = keepClosed;
    this.#capacity = capacity;
  }

  observe(event: LifecycleEvent): void {
    switch (event.type) {
      case 'connection.opened': {
        const { client, brokerHost, brokerPort } = event;
        this.#known.set(event.connection, { client, brokerHost, brokerPort, clientId: '', app: '' });
        if (this.#known.size > this.#capacity) this.#forget(this.#known.keys().next().value);
        break;
      }
      case 'connection.identified': {
        const connection = this.#known.get(event.connection);
        if (connection !== undefined) {
          this.#known.set(event.connection, {
            ...connection,
            clientId: event.name || event.product,
            app: event.app,
          });
        }
        break;
      }
      case 'connection.closed':
        this.#closed.push(event.connection);
        if (this.#closed.length > this.#keepClosed) this.#forget(this.#closed.shift());
        break;
      default:
        break;
    }
  }

  /** Undefined if its opening was never told, or too long ago. */
  get(connection: number): Connection | undefined {
    return this.#known.get(connection);
  }

  #forget(connection: number | undefined): void {
    if (connection !== undefined) this.#known.delete(connection);
  }
}
