import { added, app, publish } from '../../testing/peer-frames.ts';
import { Client } from './client.ts';
import type { LoadSpec } from './load.ts';
import { exchangeOf, pairsOf, queueOf } from './topology.ts';

/** About what one write carries at most. */
const WRITE_BYTES = 64 * 1024;
const ACK_EVERY = 10;
const PREFETCH = 200;
const ACK_TAG_AT = 11;

/** A publisher and a consumer of one queue, as fast as the window between them allows. */
export class Pair {
  published = 0;
  consumed = 0;
  readonly #spec: LoadSpec;
  readonly #window: number;
  readonly #publisher: Client;
  readonly #consumer: Client;
  readonly #queue: string;
  /** the same messages again and again, all of one size */
  readonly #messages: Buffer;
  readonly #size: number;
  readonly #count: number;
  #next = 0;
  #running = false;
  #draining = false;
  #unacked = 0;
  #acked = 0;
  readonly #ack = app.ack(0, true);
  /** confirms: all up to here, and single ones beyond */
  #confirmed = 0;
  readonly #early = new Set<number>();

  constructor(spec: LoadSpec, index: number, messages: Buffer[]) {
    this.#spec = spec;
    this.#window = Math.max(20, Math.floor(spec.inFlight / pairsOf(spec)));
    this.#queue = queueOf(index);
    this.#size = messages[0].length;
    this.#count = messages.length;
    this.#messages = Buffer.concat(messages);
    this.#consumer = new Client(spec.port, false);
    this.#publisher = spec.connections === 1 ? this.#consumer : new Client(spec.port, false);
  }

  get #clients(): Set<Client> {
    return new Set([this.#consumer, this.#publisher]);
  }

  async open(failed: (error: Error) => void): Promise<void> {
    const { ack, confirmWindow } = this.#spec;
    for (const client of this.#clients) await client.open();
    if (ack === 'manual') await this.#consumer.call(app.qos(PREFETCH), 60, 11);
    await this.#consumer.call(app.consume(this.#queue, 'bench', ack === 'auto'), 60, 21);
    if (confirmWindow > 0) await this.#publisher.call(app.confirmSelect, 85, 11);
    for (const client of this.#clients) {
      client.onError(failed);
      client.incoming = {
        delivered: () => this.#delivered(),
        confirmed: (tag, multiple) => this.#confirm(tag, multiple),
        chunkEnd: () => this.#chunkEnd(),
      };
    }
    this.#publisher.socket.on('drain', () => {
      this.#draining = false;
      this.#publish();
    });
  }

  start(): void {
    this.#running = true;
    this.#publish();
  }

  /** Publishes no more. */
  stop(): void {
    this.#running = false;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
  }

  #delivered(): void {
    this.consumed++;
    this.#unacked++;
  }

  #confirm(tag: number, multiple: boolean): void {
    if (!multiple) this.#early.add(tag);
    else if (tag > this.#confirmed) {
      this.#confirmed = tag;
      for (const each of this.#early) if (each <= tag) this.#early.delete(each);
    }
    while (this.#early.delete(this.#confirmed + 1)) this.#confirmed++;
  }

  #chunkEnd(): void {
    if (this.#spec.ack === 'manual' && this.#unacked >= ACK_EVERY) {
      // delivery tags count from 1
      this.#acked += this.#unacked;
      this.#unacked = 0;
      const ack = Buffer.from(this.#ack);
      ack.writeUInt32BE(this.#acked, ACK_TAG_AT + 4);
      this.#consumer.socket.write(ack);
    }
    this.#publish();
  }

  #publish(): void {
    const { confirmWindow } = this.#spec;
    while (this.#running && !this.#draining) {
      let room = this.#window - (this.published - this.consumed);
      // few large writes, unless it is confirms that pace the publisher
      if (room * 4 < this.#window) return;
      if (confirmWindow > 0) {
        room = Math.min(room, confirmWindow - (this.published - this.#confirmed - this.#early.size));
      }
      if (room <= 0) return;
      this.#send(Math.min(room, Math.max(1, Math.floor(WRITE_BYTES / this.#size)), this.#count - this.#next));
    }
  }

  #send(count: number): void {
    const from = this.#next * this.#size;
    const bytes = this.#messages.subarray(from, from + count * this.#size);
    this.#next = (this.#next + count) % this.#count;
    this.published += count;
    this.#draining = !this.#publisher.socket.write(bytes);
  }
}

/** Enough different messages for the topics asked for, and for a whole write. */
export function encode(spec: LoadSpec, pair: number): Buffer[] {
  const { body, topics, adds } = spec;
  const message = (topic: number): Buffer =>
    publish({ exchange: exchangeOf(spec, topic), routingKey: queueOf(pair), body, ...added[adds] });
  const distinct = Array.from({ length: topics }, (_, topic) => message(topic));
  const count = Math.max(topics, Math.ceil((2 * WRITE_BYTES) / distinct[0].length));
  // neighbours differ: a step that shares no factor with any number of topics used
  return Array.from({ length: count }, (_, i) => distinct[(i * 7919) % topics]);
}
