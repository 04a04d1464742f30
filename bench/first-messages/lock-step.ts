import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { writeU64 } from '../../src/amqp/fields.ts';
import {
  app,
  broker,
  deliver,
  deliveryTagAt,
  ownTraceparent,
  PROTOCOL,
  publish,
  stamp,
} from '../../testing/peer-frames.ts';

// An app and a broker in one process that take turns: so many publishes in one write, then as many deliveries in one
// write. What is between them has nothing but its own work to wait for, and no broker's noise is in what it costs.

const BODY_FRAME = 3;
const FRAME_HEADER = 7;
const FRAME_OVERHEAD = 8;
const TAG = 'amq.ctag-lock-step';
/** Offset of the tag in a basic.ack frame. */
const ACK_TAG_AT = 11;
const MESSAGE = { exchange: 'orders', routingKey: 'order.created', body: 100 };

/** Finds frames in what a socket reads, however it is cut. */
class Frames {
  #rest = Buffer.alloc(0);

  /** Calls `frame` with the type of each that has come whole. */
  read(chunk: Buffer, frame: (type: number) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + FRAME_HEADER <= bytes.length) {
      const end = at + FRAME_OVERHEAD + bytes.readUInt32BE(at + 3);
      if (end > bytes.length) break;
      frame(bytes[at]);
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }
}

/** Calls back once so many frames, or so many bodies, have come since it was asked. */
class Awaited {
  #frames = 0;
  #bodies = 0;
  #check: () => void = () => {};

  constructor(socket: Socket) {
    const frames = new Frames();
    socket.on('data', (chunk: Buffer) => {
      frames.read(chunk, (type) => {
        this.#frames++;
        if (type === BODY_FRAME) this.#bodies++;
      });
      this.#check();
    });
  }

  frames(count: number): Promise<void> {
    return this.#until(() => {
      if (this.#frames < count) return false;
      this.#frames -= count;
      return true;
    });
  }

  bodies(count: number): Promise<void> {
    return this.#until(() => {
      if (this.#bodies < count) return false;
      this.#bodies -= count;
      return true;
    });
  }

  #until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#check = () => {
        if (!isThere()) return;
        this.#check = () => {};
        resolve();
      };
      this.#check();
    });
  }
}

export interface LockStepOptions {
  /** messages of one round */
  batch: number;
  /** the app asks for confirms and acknowledges by hand */
  acknowledged: boolean;
}

export interface LockStep {
  /** Passes so many messages, whole rounds of them. */
  pass(messages: number): Promise<void>;
  close(): void;
}

/** A broker that waits for one connection; `connected` opens it through whatever stands at a port. */
export async function lockStepBroker(): Promise<{
  port: number;
  connect(port: number, options: LockStepOptions): Promise<LockStep>;
  close(): void;
}> {
  const server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async connect(port, options) {
      const accepted = once(server, 'connection');
      const ours = connect({ port, host: '127.0.0.1', noDelay: true });
      ours.write(PROTOCOL);
      const [theirs] = (await accepted) as [Socket];
      return opened(ours, theirs, options);
    },
    close: () => server.close(),
  };
}

async function opened(ours: Socket, theirs: Socket, { batch, acknowledged }: LockStepOptions): Promise<LockStep> {
  await once(theirs, 'readable');
  theirs.read(PROTOCOL.length);
  const atBroker = new Awaited(theirs);
  const atApp = new Awaited(ours);
  const asks = async (question: Buffer, answer?: Buffer): Promise<void> => {
    ours.write(question);
    await atBroker.frames(1);
    if (answer === undefined) return;
    theirs.write(answer);
    await atApp.frames(1);
  };
  theirs.write(broker.start);
  await atApp.frames(1);
  await asks(app.startOk, broker.tune);
  await asks(app.tuneOk);
  await asks(app.open, broker.openOk);
  await asks(app.channelOpen, broker.channelOpenOk);
  if (acknowledged) await asks(app.confirmSelect, broker.confirmSelectOk);
  await asks(app.consume('orders', TAG, !acknowledged), broker.consumeOk(TAG));

  const ack = Buffer.from(app.ack(0, true));
  const publishes = Array.from({ length: batch }, () => publish(MESSAGE));
  const delivery = deliver({ ...MESSAGE, headers: [stamp(Date.now() * 1000), ownTraceparent()] }, TAG, 1);
  const deliveries = Buffer.concat(Array.from({ length: batch }, () => delivery));
  const confirm = Buffer.from(broker.ack(0, true));
  const outgoing = Buffer.concat([...publishes, ...(acknowledged ? [ack] : [])]);
  const incoming = acknowledged ? Buffer.concat([confirm, deliveries]) : deliveries;
  const first = acknowledged ? confirm.length : 0;
  let passed = 0;
  return {
    async pass(messages) {
      for (const end = passed + messages; passed < end; passed += batch) {
        // settles the round before: none in the first one
        if (acknowledged && passed > 0) writeU64(outgoing, outgoing.length - ack.length + ACK_TAG_AT, passed);
        ours.write(acknowledged && passed === 0 ? outgoing.subarray(0, outgoing.length - ack.length) : outgoing);
        await atBroker.bodies(batch);
        if (acknowledged) writeU64(incoming, ACK_TAG_AT, passed + batch);
        for (let i = 0; i < batch; i++)
          writeU64(incoming, first + i * delivery.length + deliveryTagAt(TAG), passed + i + 1);
        theirs.write(incoming);
        await atApp.bodies(batch);
      }
    },
    close() {
      ours.destroy();
      theirs.destroy();
    },
  };
}
