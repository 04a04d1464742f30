import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { broker as says } from '../../testing/peer-frames.ts';
import { METHOD, method } from '../../testing/wire.ts';
import { Echo, METHOD_AT } from './echo.ts';
import { FrameStream } from './frames.ts';
import { CONSUMER_TAG } from './messages.ts';

const key = (classId: number, methodId: number): number => (classId << 16) | methodId;
const CONSUME = key(60, 20);

/** What a broker that agrees to everything answers; undefined: nothing. */
const ANSWERS = new Map<number, Buffer | undefined>([
  [key(10, 11), says.tune],
  [key(10, 31), undefined],
  [key(10, 40), says.openOk],
  [key(10, 50), method(0, 10, 51)],
  [key(20, 10), says.channelOpenOk],
  [key(85, 10), says.confirmSelectOk],
  [CONSUME, says.consumeOk(CONSUMER_TAG)],
]);

/** As little of a broker as it takes: it agrees to what is asked, and gives every publish back as a delivery. */
export class ScriptedBroker {
  /** of the connection that consumed last */
  echo: Echo | undefined;
  /** told of what should not come */
  failed: (error: Error) => void = (error) => {
    throw error;
  };
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer({ noDelay: true }, (socket) => this.#accept(socket));

  static async start(): Promise<ScriptedBroker> {
    const broker = new ScriptedBroker();
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const echo = new Echo(socket);
    const stream = new FrameStream(
      (buf, start, end) => {
        if (!echo.frame(buf, start, end)) this.#asked(buf, start, socket, echo);
      },
      () => socket.write(says.start),
    );
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // a proxy may try whether it listens, and go
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      try {
        stream.push(chunk);
      } catch (error) {
        this.failed(error as Error);
      }
    });
  }

  #asked(buf: Buffer, start: number, socket: Socket, echo: Echo): void {
    const asked = buf.readUInt32BE(start + METHOD_AT);
    if (buf[start] !== METHOD || !ANSWERS.has(asked)) {
      throw new Error(`the broker was asked for method ${asked >>> 16}.${asked & 0xffff}`);
    }
    const answer = ANSWERS.get(asked);
    if (answer !== undefined) socket.write(answer);
    if (asked === CONSUME) this.echo = echo;
  }
}
