import type { Names } from '../../events/passage.ts';
import type { Connection } from '../connections.ts';

/** What an object of names takes beside its texts, and that of its connection. */
const OBJECT_BYTES = 320;

interface Entry {
  names: Names;
  connection: Connection | undefined;
  /** spans that have them */
  spans: number;
}

/** The names and connections that kept spans have, once for all spans of a route and channel: by number, while any has them. */
export class KeptNames {
  bytes = 0;
  readonly #entries: (Entry | undefined)[] = [];
  readonly #numbers = new Map<Names, number>();
  readonly #free: number[] = [];

  /** Their number, for one span more. */
  take(names: Names, connection: Connection | undefined): number {
    let number = this.#numbers.get(names);
    if (number === undefined) {
      number = this.#free.pop() ?? this.#entries.length;
      this.#entries[number] = { names, connection, spans: 0 };
      this.#numbers.set(names, number);
      this.bytes += bytesOf(names);
    }
    this.get(number).spans++;
    return number;
  }

  get(number: number): Entry {
    return this.#entries[number] as Entry;
  }

  /** A span is gone that had them. */
  release(number: number): void {
    const entry = this.get(number);
    if (--entry.spans > 0) return;
    this.#entries[number] = undefined;
    this.#numbers.delete(entry.names);
    this.#free.push(number);
    this.bytes -= bytesOf(entry.names);
  }
}

function bytesOf({ exchange, routingKey, topic, pipeline, queue, consumerTag }: Names): number {
  const texts = [exchange, routingKey, topic, pipeline, queue, consumerTag];
  return OBJECT_BYTES + 2 * texts.reduce((sum, { length }) => sum + length, 0);
}
