import { connect, type Socket } from 'node:net';

export interface Ending {
  /** bytes that came before it */
  received: number;
  /** `FIN`, or the system's error code */
  how: string;
}

/** How the other side ends this connection. Its own side stays open until then. */
export function endingOf(socket: Socket): Promise<Ending> {
  let received = 0;
  socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  return new Promise((resolve) => {
    socket.once('end', () => resolve({ received, how: 'FIN' }));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ received, how: String(error.code) }));
  });
}

/** Connects to 127.0.0.1 and waits for the end. */
export async function connectAndWait(port: number): Promise<Ending> {
  const socket = connect({ port, host: '127.0.0.1' });
  const ending = await endingOf(socket);
  socket.destroy();
  return ending;
}
