import type { FieldTable } from '../../amqp/fields.ts';

const MOST_QUEUES = 4096;

/** How often queues deliver a message before they drop it or dead-letter it, as far as their declarations say so. */
export class DeliveryLimits {
  readonly #limits = new Map<string, number>();

  /** Of a queue, by vhost and name joined by NUL; undefined: it is not known. */
  of(queue: string): number | undefined {
    return this.#limits.get(queue);
  }

  /** The queue was declared with this limit, without one (undefined) or deleted. */
  note(queue: string, limit: number | undefined): void {
    this.#limits.delete(queue);
    if (limit === undefined) return;
    this.#limits.set(queue, limit);
    if (this.#limits.size <= MOST_QUEUES) return;
    for (const oldest of this.#limits.keys()) {
      this.#limits.delete(oldest);
      return;
    }
  }
}

/** What a queue.declare says of it; -1, in any of the broker's versions, is for no limit. */
export function limitByArguments(args: FieldTable): number | undefined {
  const limit = Number(args['x-delivery-limit'] ?? Number.NaN);
  if (Number.isNaN(limit)) return undefined;
  return limit < 0 ? Number.POSITIVE_INFINITY : limit;
}
