import type { PoisonMessage } from '../../api.ts';
import type { EventBus } from '../../events/bus.ts';
import type { MessagePoisonous } from '../../events/lifecycle.ts';

type Poison = Omit<PoisonMessage, 'sidecar'>;

export interface FoundPoison {
  /** told of last, first */
  messages: Poison[];
  /** others that had to make room since the start */
  dropped: number;
}

/** Poisonous messages, at most `capacity`: the one that was told of longest ago goes first. */
export class PoisonList {
  dropped = 0;
  readonly #capacity: number;
  readonly #messages = new Map<string, Poison>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  note({
    queue,
    topic,
    pipeline,
    exchange,
    routingKey,
    messageId,
    traceId,
    attempt,
    firstPublished,
    at,
  }: MessagePoisonous) {
    const key = [pipeline, queue, traceId, messageId].join('\0');
    const before = this.#messages.get(key);
    this.#messages.delete(key);
    if (this.#messages.size >= this.#capacity) {
      for (const oldest of this.#messages.keys()) {
        this.#messages.delete(oldest);
        break;
      }
      this.dropped++;
    }
    const told = iso(at);
    this.#messages.set(key, {
      ...{ queue, topic, pipeline, exchange, routingKey, messageId, traceId },
      attempts: Math.max(attempt, before?.attempts ?? 0),
      firstPublished: firstPublished > 0 ? iso(firstPublished) : (before?.firstPublished ?? null),
      firstTold: before?.firstTold ?? told,
      lastTold: told,
    });
  }

  find(): FoundPoison {
    return { messages: [...this.#messages.values()].reverse(), dropped: this.dropped };
  }
}

/** The list of those that are told of from now on. */
export function observePoison(bus: EventBus, capacity: number): PoisonList {
  const list = new PoisonList(capacity);
  bus.on('message.poisonous', (event) => list.note(event));
  return list;
}

const iso = (micros: number): string => new Date(micros / 1000).toISOString();
