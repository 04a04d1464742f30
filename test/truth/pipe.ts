import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Side = 'app' | 'broker';
export type OnFrame = (from: Side, type: number, channel: number, payload: Buffer) => void;

/** One connection through the pipe. */
export interface Link {
  /** no frame will follow */
  ended: boolean;
  /** From now on the app's side gets nothing from the broker but its end. */
  cut(): void;
}

/**
 * A pipe between a sidecar and its broker that shows every whole frame that passes. It reads the
 * sidecar at once, so that what has left the sidecar is seen even if a reset follows.
 */
export interface Pipe {
  port: number;
  /** in the order in which the sidecar dialled */
  links: Link[];
  /** bytes handed on towards the sidecar */
  sent: number;
  /** Holds back what the broker sends, until `thaw`; what has been sent then is all the sidecar can know of. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startPipe(brokerPort: number, follow: (link: Link) => OnFrame): Promise<Pipe> {
  const sockets = new Set<Socket>();
  const fromBrokers = new Set<Socket>();
  let frozen = false;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (app) => {
    const broker = connect({ port: brokerPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    let cut = false;
    const link: Link = {
      ended: false,
      cut() {
        cut = true;
        fromBrokers.delete(broker);
        broker.resume();
      },
    };
    pipe.links.push(link);
    const onFrame = follow(link);
    const upward = frames((...frame) => onFrame('app', ...frame));
    const downward = frames((...frame) => onFrame('broker', ...frame));
    for (const socket of [app, broker]) sockets.add(socket);
    fromBrokers.add(broker);
    if (frozen) broker.pause();

    app.on('data', (bytes: Buffer) => {
      upward(bytes);
      broker.write(bytes);
    });
    broker.on('data', (bytes: Buffer) => {
      if (cut) return;
      downward(bytes);
      pipe.sent += bytes.length;
      if (!app.write(bytes)) broker.pause();
    });
    app.on('drain', () => {
      if (!frozen) broker.resume();
    });
    let open = 2;
    for (const [from, to] of [
      [app, broker],
      [broker, app],
    ]) {
      from.on('end', () => to.end());
      from.on('error', () => to.resetAndDestroy());
      from.on('close', () => {
        sockets.delete(from);
        fromBrokers.delete(from);
        if (--open === 0) link.ended = true;
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pipe: Pipe = {
    port: (server.address() as AddressInfo).port,
    links: [],
    sent: 0,
    freeze() {
      frozen = true;
      for (const socket of fromBrokers) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of fromBrokers) socket.resume();
    },
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return pipe;
}

/** Feeds what a stream brings, chunk by chunk, as whole frames. */
function frames(each: (type: number, channel: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let opened = false;
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let p = 0;
    // the eight bytes with which an app opens are no frame
    if (!opened && bytes.length >= 8) {
      opened = true;
      if (bytes.toString('latin1', 0, 4) === 'AMQP') p = 8;
    }
    while (opened && p + 7 <= bytes.length) {
      const end = p + 8 + bytes.readUInt32BE(p + 3);
      if (end > bytes.length) break;
      each(bytes[p], bytes.readUInt16BE(p + 1), bytes.subarray(p + 7, end - 1));
      p = end;
    }
    rest = bytes.subarray(p);
  };
}
