import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { end, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from './closing.ts';

export interface FakeBroker {
  port: number;
  /** connections it has accepted, in order */
  sockets: Socket[];
  /** the connection number `index`, once it is there */
  accepted(index: number): Promise<Socket>;
}

/** Accepts, half-open allowed, and leaves the rest to the test. */
export async function fakeBroker(): Promise<FakeBroker> {
  const sockets: Socket[] = [];
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    accepted: (index) => until(() => sockets[index], `connection ${index} is there`),
  };
}

/** A port that accepts a few connections into its backlog and then nothing: a connect to it hangs. */
export async function blackHole(): Promise<number> {
  const program = `
    const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      console.log(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = start(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => {
    signal(child, 'SIGKILL');
    return end(child);
  });
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  return Number(line);
}
