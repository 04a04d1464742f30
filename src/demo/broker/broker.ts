import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Connection } from './connection.ts';
import { Vhost } from './vhost.ts';

/**
 * A broker of AMQP 0-9-1 within this process, for demos and tests only. It does for clients what RabbitMQ's classic
 * queues do, with RabbitMQ's words, and keeps nothing when it ends.
 */
export interface Broker {
  port: number;
  /** Cuts off every client. */
  stop(): Promise<void>;
}

export interface BrokerOptions {
  /** 0, so by default: any that is free */
  port?: number;
  vhosts?: string[];
  /** passwords by user */
  users?: Record<string, string>;
  /** bodies that its queues may hold before publishers have to wait */
  maxBytes?: number;
}

const MAX_BYTES = 256 * 1024 * 1024;

export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { port = 0, vhosts = ['/'], users = { guest: 'guest' }, maxBytes = MAX_BYTES } = options;
  const connections = new Set<Connection>();
  let held = 0;
  const hold = (bytes: number) => {
    const wasFull = held > maxBytes;
    held += bytes;
    if (wasFull && held <= maxBytes) for (const each of connections) each.unblock();
  };
  const broker = {
    vhosts: new Map(vhosts.map((name) => [name, new Vhost(name, hold)])),
    get isFull() {
      return held > maxBytes;
    },
    isPassword: (user: string, password: string) => Object.hasOwn(users, user) && users[user] === password,
    closed: (connection: Connection) => connections.delete(connection),
  };
  const server = createServer((socket) => connections.add(new Connection(socket, broker)));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}
