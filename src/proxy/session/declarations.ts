import type { Arguments } from '../../amqp/methods.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeadLetterTarget } from '../plane/queue-facts.ts';

/** Exclusive queues of one connection that are remembered; of more, the oldest is forgotten. */
const MAX_EXCLUSIVE = 4096;

/** What one connection shows of the broker's queues and exchanges (plane/queue-facts.ts). */
export class Declarations {
  readonly #plane: Plane;
  readonly #vhost: string;
  /** they go with the connection */
  readonly #exclusive = new Set<string>();

  constructor(plane: Plane, vhost: string) {
    this.#plane = plane;
    this.#vhost = vhost;
  }

  /** The broker granted a declaration; `queue`: its name, as the broker has it. */
  queueDeclared(declare: Arguments<'queue.declare'>, queue: string, existed: boolean, now: number): void {
    // a passive one says nothing but that it is there
    if (declare.passive || queue === '') return;
    const { arguments: args, exclusive, durable, autoDelete } = declare;
    if (exclusive) this.#keep(queue);
    const type = args['x-queue-type'] ?? 'classic';
    const lasts = durable && !exclusive && !autoDelete;
    const declared = {
      deadLetters: targetOf(args),
      isStream: type === 'stream',
      isClassic: type === 'classic',
      ttl: ttlOf(args),
      lasts,
      existed,
    };
    this.#plane.facts.noteQueue({ kind: 'queue declared', name: this.#name(queue), at: this.#micros(now), declared });
  }

  queueGone(queue: string, now: number): void {
    this.#exclusive.delete(queue);
    this.#plane.facts.noteQueue({ kind: 'queue gone', name: this.#name(queue), at: this.#micros(now) });
  }

  exchangeExists(exchange: string): void {
    this.#plane.facts.noteQueue({ kind: 'exchange exists', name: this.#name(exchange) });
  }

  exchangeGone(exchange: string): void {
    this.#plane.facts.noteQueue({ kind: 'exchange gone', name: this.#name(exchange) });
  }

  /** The text of a 404: it names what is not there. */
  notFound(text: string, now: number): void {
    const [, kind, name] = /no (queue|exchange) '(.*)' in vhost '/.exec(text) ?? [];
    if (kind === 'queue') this.queueGone(name, now);
    else if (kind === 'exchange') this.exchangeGone(name);
  }

  /** The connection is gone, and its own queues with it. */
  end(now: number): void {
    for (const queue of this.#exclusive) this.queueGone(queue, now);
  }

  #keep(queue: string): void {
    if (this.#exclusive.size >= MAX_EXCLUSIVE) {
      for (const oldest of this.#exclusive) {
        this.#exclusive.delete(oldest);
        break;
      }
    }
    this.#exclusive.add(queue);
  }

  #name(name: string): string {
    return `${this.#vhost}\0${name}`;
  }

  #micros(now: number): number {
    return this.#plane.clock.micros(now);
  }
}

function ttlOf({ 'x-message-ttl': ttl }: Arguments<'queue.declare'>['arguments']): number | undefined {
  const ms = typeof ttl === 'bigint' ? Number(ttl) : ttl;
  return typeof ms === 'number' && ms >= 0 ? ms : undefined;
}

function targetOf(args: Arguments<'queue.declare'>['arguments']): DeadLetterTarget | undefined {
  const { 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': routingKey, 'x-overflow': overflow } = args;
  if (typeof exchange !== 'string') return undefined;
  return {
    exchange,
    routingKey: typeof routingKey === 'string' ? routingKey : undefined,
    takesRefused: overflow === 'reject-publish-dlx',
  };
}
