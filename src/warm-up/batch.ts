import { writeU64 } from '../amqp/fields.ts';
import { ACK_TAG_AT, ack, DELIVERY_TAG_AT, deliver, type Names, publish } from './frames.ts';

/** Messages of one route that follow each other before it is the other's turn. */
const STREAK = 8;

/** So many messages that pass at once, as an app and a broker write them; their tags are changed in place. */
export class Batch {
  readonly size: number;
  readonly publishes: Buffer;
  readonly #deliveries: Buffer;
  /** where each delivery's tag stands */
  readonly #tagsAt: number[];
  /** one of each settlement that acknowledges a message by itself, and one of all */
  readonly #acks: Buffer;
  readonly #ack = ack(0, true);

  /** `sentAt`: microseconds since the epoch. */
  constructor(size: number, routes: readonly [Names, Names], sentAt: number) {
    const names = Array.from({ length: size }, (_, index) => routes[index % (2 * STREAK) < STREAK ? 0 : 1]);
    const deliveries = names.map((each) => deliver(each, sentAt));
    this.size = size;
    this.publishes = Buffer.concat(names.map(publish));
    this.#deliveries = Buffer.concat(deliveries);
    let end = 0;
    this.#tagsAt = deliveries.map(({ length }) => {
      end += length;
      return end - length + DELIVERY_TAG_AT;
    });
    this.#acks = Buffer.concat(names.map(() => ack(0, false)));
  }

  /** Their deliveries, the first of which has this tag. */
  deliveries(first: number): Buffer {
    this.#tagsAt.forEach((at, index) => void writeU64(this.#deliveries, at, first + index));
    return this.#deliveries;
  }

  /** Acknowledges each by itself. */
  acks(first: number): Buffer {
    const step = this.#ack.length;
    for (let index = 0; index < this.size; index++) writeU64(this.#acks, index * step + ACK_TAG_AT, first + index);
    return this.#acks;
  }

  /** Acknowledges all at once. */
  ack(first: number): Buffer {
    writeU64(this.#ack, ACK_TAG_AT, first + this.size - 1);
    return this.#ack;
  }
}
