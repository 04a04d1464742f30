import { connect, type Socket } from 'node:net';
import { app, PROTOCOL } from '../../testing/peer-frames.ts';
import { METHOD } from '../../testing/wire.ts';
import type { LoadSpec } from '../load/load.ts';
import type { ScriptedBroker } from './broker.ts';
import { type Echo, METHOD_AT } from './echo.ts';
import { FrameStream } from './frames.ts';
import type { TurnLoad } from './loads.ts';
import { Batch, CONSUMER_TAG, QUEUE } from './messages.ts';

const PATIENCE_MS = 30_000;
/** A million messages one by one take less. */
const PASS_MS = 300_000;
const NOTHING = Buffer.alloc(0);

/** What an app does on its way through a proxy. */
export interface Way {
  port: number;
  /** the proxy adds its own to what is published */
  injects: boolean;
  /** what the app adds by itself */
  adds: LoadSpec['adds'];
}

/** An app's connection through a proxy to the broker of the same process, and the turns that they take on it. */
export class Link {
  readonly #load: TurnLoad;
  readonly #way: Way;
  readonly #socket: Socket;
  readonly #batches = new Map<number, Batch>();
  #echo!: Echo;
  #read: (chunk: Buffer) => void = () => {};
  #failed: (error: Error) => void = () => {};
  #delivered = 0;
  /** of what was delivered in the last turn: they go out with the next */
  #acks: Buffer = NOTHING;

  private constructor(broker: ScriptedBroker, load: TurnLoad, way: Way) {
    this.#load = load;
    this.#way = way;
    broker.failed = (error) => this.#failed(error);
    this.#socket = connect({ host: '127.0.0.1', port: way.port, noDelay: true });
    this.#socket.on('error', (error) => this.#failed(error));
    this.#socket.on('close', () => this.#failed(new Error('the connection was closed')));
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        this.#read(chunk);
      } catch (error) {
        this.#failed(error as Error);
      }
    });
  }

  static async open(broker: ScriptedBroker, load: TurnLoad, way: Way): Promise<Link> {
    const link = new Link(broker, load, way);
    await link.#call(PROTOCOL, 10, 10);
    await link.#call(app.startOk, 10, 30);
    await link.#call(Buffer.concat([app.tuneOk, app.open]), 10, 41);
    await link.#call(app.channelOpen, 20, 11);
    if (load.settles !== 'none') await link.#call(app.confirmSelect, 85, 11);
    await link.#call(app.consume(QUEUE, CONSUMER_TAG, load.settles === 'none'), 60, 21);
    link.#echo = broker.echo as Echo;
    link.#echo.begin(load.settles, way.injects);
    return link;
  }

  /** Messages that passed so far. */
  get messages(): number {
    return this.#delivered;
  }

  /** Takes turns of `size` messages for so long; resolves with how many. */
  turns(size: number, milliseconds: number): Promise<number> {
    const end = performance.now() + milliseconds;
    return this.#turns(size, milliseconds, () => performance.now() < end);
  }

  /** Passes so many messages, or what whole turns of `size` bring beyond; resolves with how many. */
  async pass(size: number, messages: number): Promise<number> {
    return size * (await this.#turns(size, PASS_MS, (turns) => turns * size < messages));
  }

  /** As long as `more` says so; they are given up after so many milliseconds and our patience. */
  #turns(size: number, milliseconds: number, more: (turns: number) => boolean): Promise<number> {
    const batch = this.#batches.get(size) ?? new Batch(this.#load, this.#way.adds, size);
    this.#batches.set(size, batch);
    this.#echo.expect(batch);
    let turns = 0;
    return this.#waits(`turn of ${size} messages`, milliseconds, (done) => {
      let came = 0;
      const begin = (): void => {
        came = 0;
        const bytes = batch.next();
        this.#socket.write(this.#acks.length === 0 ? bytes : Buffer.concat([this.#acks, bytes]));
        this.#acks = NOTHING;
      };
      this.#read = (chunk) => {
        const { answer } = this.#echo;
        const rest = answer.subarray(came, came + chunk.length);
        if (!chunk.equals(rest)) throw new Error(`the broker's bytes were altered in turn ${turns + 1} of ${size}`);
        came += chunk.length;
        if (came < answer.length) return;
        this.#acknowledge(size);
        turns++;
        if (more(turns)) begin();
        else done(turns);
      };
      begin();
    });
  }

  /** Ends the connection in order; fails if anything was lost. */
  async close(): Promise<void> {
    await this.#call(Buffer.concat([this.#acks, app.close]), 10, 51);
    this.#failed = () => {};
    this.#socket.end();
    const { published, acked } = this.#echo;
    const settled = this.#load.settles === 'none' ? 0 : published;
    if (published !== this.#delivered || acked !== settled) {
      throw new Error(`of ${published} messages ${this.#delivered} were delivered and ${acked} acknowledged`);
    }
  }

  #acknowledge(count: number): void {
    const { settles } = this.#load;
    const first = this.#delivered + 1;
    this.#delivered += count;
    if (settles === 'together') this.#acks = app.ack(this.#delivered, true);
    if (settles === 'singly')
      this.#acks = Buffer.concat(Array.from({ length: count }, (_, i) => app.ack(first + i, false)));
  }

  /** Sends a request; resolves when the answer that is named has come. */
  #call(request: Uint8Array, classId: number, methodId: number): Promise<void> {
    const awaited = (classId << 16) | methodId;
    return this.#waits(`answer ${classId}.${methodId}`, 0, (done) => {
      const stream = new FrameStream((buf, start) => {
        if (buf[start] === METHOD && buf.readUInt32BE(start + METHOD_AT) === awaited) done();
      });
      this.#read = (chunk) => stream.push(chunk);
      this.#socket.write(request);
    });
  }

  /** Resolves when `begin` calls back, unless something goes wrong before, or nothing comes any more. */
  #waits<T>(what: string, milliseconds: number, begin: (done: (value: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const late = setTimeout(() => {
        const { published = 0 } = this.#echo ?? {};
        reject(new Error(`${what}: nothing comes any more, ${published} published, ${this.#delivered} delivered`));
      }, milliseconds + PATIENCE_MS);
      this.#failed = (error) => {
        clearTimeout(late);
        reject(error);
      };
      begin((value) => {
        clearTimeout(late);
        resolve(value);
      });
    });
  }
}
