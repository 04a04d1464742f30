import { once } from 'node:events';
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Socket } from 'node:net';

/** A plain pipe from one address to another. */
export interface Forward {
  /** Ends every connection by a reset; new ones are accepted. */
  reset(): void;
  close(): Promise<void>;
}

export async function forward(from: ListenOptions, to: NetConnectOpts): Promise<Forward> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    const other = connect(to);
    for (const [each, peer] of [
      [socket, other],
      [other, socket],
    ]) {
      sockets.add(each);
      each.on('error', () => {});
      each.on('close', () => {
        sockets.delete(each);
        peer.destroy();
      });
      each.pipe(peer);
    }
  });
  server.listen(from);
  await once(server, 'listening');
  const reset = () => {
    // sockets of the file system know no reset
    for (const socket of sockets)
      if (socket.remoteAddress === undefined) socket.destroy();
      else socket.resetAndDestroy();
  };
  return {
    reset,
    async close() {
      server.close();
      reset();
      await once(server, 'close');
    },
  };
}

// As a program: from an address in this network to a socket in the file system, which networks share.
if (import.meta.main) {
  const [host, port, path] = process.argv.slice(2);
  const forwarding = await forward({ host, port: Number(port) }, { path });
  process.on('SIGUSR2', () => forwarding.reset());
  console.log('listening');
}
