import { added, deliver, deliveryTagAt, publish } from '../../testing/peer-frames.ts';
import { split } from '../../testing/wire.ts';
import type { LoadSpec } from '../load/load.ts';
import { BODY, type TurnLoad } from './loads.ts';

export const QUEUE = 'bench.q0';
export const CONSUMER_TAG = 'bench';
const ID = '0af7651916cd43dd8448eb21c80319c0';
/** of an id, at its end, those that change */
const DIGITS = 8;

/** One message of the app as its three frames. */
export interface Sent {
  method: Buffer;
  header: Buffer;
  body: Buffer;
  /** the method frame that it is delivered with */
  delivery: Buffer;
}

/** Offset of the delivery tag in `delivery`. */
export const DELIVERY_TAG_AT = deliveryTagAt(CONSUMER_TAG);

/** A write of the app: publishes one behind the other. */
export class Batch {
  readonly messages: Sent[];
  readonly #bytes: Buffer;
  /** where ids stand, if they are to change */
  readonly #ids: number[];
  #number = 0;

  constructor({ topics, differ }: TurnLoad, adds: LoadSpec['adds'], count: number) {
    const messages = Array.from({ length: count }, (_, i) => {
      const exchange = topics === 1 ? 'bench' : `bench.${String(i % topics).padStart(5, '0')}`;
      return { exchange, routingKey: QUEUE, body: BODY, ...added[adds], ...(differ && { id: ID }) };
    });
    this.#bytes = Buffer.concat(messages.map(publish));
    const { frames } = split(this.#bytes);
    this.messages = messages.map((message, i) => {
      const [method, header, body] = frames.slice(3 * i);
      const [delivery] = split(deliver(message, CONSUMER_TAG, 0)).frames;
      return { method, header, body, delivery };
    });
    const size = this.#bytes.length / count;
    this.#ids = differ ? this.messages.map((_, i) => this.#bytes.indexOf(ID, i * size)) : [];
  }

  /** Its bytes; where messages differ, each has another id and time than any before. */
  next(): Buffer {
    for (const at of this.#ids) {
      const number = this.#number++;
      this.#bytes.write(String(number % 10 ** DIGITS).padStart(DIGITS, '0'), at + ID.length - DIGITS, 'latin1');
      // behind the id stand the eight bytes of the timestamp
      this.#bytes.writeUInt32BE(number, at + ID.length + 4);
    }
    return this.#bytes;
  }
}
