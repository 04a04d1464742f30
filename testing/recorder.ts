import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What passed on one connection, in the order in which it came to the recorder. */
export interface Capture {
  chunks: { from: 'app' | 'broker'; bytes: Buffer }[];
  /** both sides have ended */
  ended: boolean;
}

export interface Recorder {
  port: number;
  /** one per connection, in the order of their opening */
  captures: Capture[];
  stop(): Promise<void>;
}

export const bytesFrom = (side: 'app' | 'broker', { chunks }: Capture): Buffer =>
  Buffer.concat(chunks.filter(({ from }) => from === side).map(({ bytes }) => bytes));

/** A dumb pipe to 127.0.0.1:`port` that writes down what passes, both ways; `at` is the port it listens on. */
export async function startRecorder(port: number, at = 0): Promise<Recorder> {
  const captures: Capture[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (app) => {
    const broker = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const capture: Capture = { chunks: [], ended: false };
    captures.push(capture);
    let open = 2;
    const pipe = (from: 'app' | 'broker', source: Socket, target: Socket): void => {
      sockets.add(source);
      source.on('data', (bytes: Buffer) => {
        capture.chunks.push({ from, bytes });
        if (!target.write(bytes)) source.pause();
      });
      target.on('drain', () => source.resume());
      source.on('end', () => target.end());
      source.on('error', () => target.destroy());
      source.on('close', () => {
        sockets.delete(source);
        if (--open === 0) capture.ended = true;
      });
    };
    pipe('app', app, broker);
    pipe('broker', broker, app);
  });
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    captures,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
