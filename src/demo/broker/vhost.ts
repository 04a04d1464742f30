import { randomBytes } from 'node:crypto';
import type { Channel } from './channel.ts';
import { deadLetter, goesInCircles } from './dead-letter.ts';
import { EXCHANGE_TYPES, Exchange, type ExchangeOptions, type ExchangeType } from './exchange.ts';
import { stringsOf } from './fields.ts';
import type { Message } from './message.ts';
import { Queue, type QueueOptions } from './queue.ts';
import { assertSame, assertSameArguments, COMPARED_ARGUMENTS, queueLimits } from './queue-arguments.ts';
import { Refusal } from './refusal.ts';

/** What became of a publish: `routed` to somebody, and taken by all whom it was routed to. */
export interface Published {
  routed: boolean;
  accepted: boolean;
}

const PREDECLARED: [string, ExchangeType][] = [
  ['', 'direct'],
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
];

/** Names as RabbitMQ makes them: a prefix and 22 characters. */
export const generated = (prefix: string): string => `${prefix}-${randomBytes(16).toString('base64url')}`;

/** Exchanges and queues by their names, and the way of a message between them. */
export class Vhost {
  readonly name: string;
  readonly exchanges = new Map<string, Exchange>();
  readonly queues = new Map<string, Queue>();
  /** who waits for answers, by the name they are sent to */
  readonly replies = new Map<string, Channel>();
  readonly #hold: (bytes: number) => void;

  constructor(name: string, hold: (bytes: number) => void) {
    this.name = name;
    this.#hold = hold;
    for (const [each, type] of PREDECLARED) {
      const options = { name: each, type, durable: true, autoDelete: false, internal: false, args: [] };
      this.exchanges.set(each, new Exchange(options));
    }
  }

  exchange(name: string): Exchange {
    const found = this.exchanges.get(name);
    if (found === undefined) throw new Refusal('NOT_FOUND', `no ${this.#exchangeName(name)}`);
    return found;
  }

  /** `user`: the connection that asks. */
  queue(name: string, user: object): Queue {
    const found = this.queues.get(name);
    if (found === undefined) throw new Refusal('NOT_FOUND', `no ${this.#queueName(name)}`);
    if (found.options.owner !== undefined && found.options.owner !== user) throw this.#locked(name);
    return found;
  }

  declareExchange(options: Omit<ExchangeOptions, 'type'> & { type: string }): void {
    const { name, type } = options;
    if (!isExchangeType(type)) throw new Refusal('COMMAND_INVALID', `unknown exchange type '${type}'`);
    const made = this.exchanges.get(name);
    if (made === undefined) {
      if (name.startsWith('amq.')) {
        throw new Refusal('ACCESS_REFUSED', `exchange name '${name}' contains reserved prefix 'amq.*'`);
      }
      this.exchanges.set(name, new Exchange({ ...options, type }));
      return;
    }
    const what = this.#exchangeName(name);
    assertSame(what, 'type', made.options.type, type);
    assertSame(what, 'durable', made.options.durable, options.durable);
    assertSame(what, 'auto_delete', made.options.autoDelete, options.autoDelete);
    assertSame(what, 'internal', made.options.internal, options.internal);
    assertSameArguments(what, ['alternate-exchange'], made.options.args, options.args);
  }

  declareQueue(options: QueueOptions, user: object): Queue {
    const { name, durable, autoDelete, owner, args } = options;
    const made = this.queues.get(name);
    if (made === undefined) {
      if (name.startsWith('amq.')) {
        throw new Refusal('ACCESS_REFUSED', `queue name '${name}' contains reserved prefix 'amq.*'`);
      }
      return this.#addQueue(options);
    }
    if (made.options.owner !== owner || (made.options.owner !== undefined && owner !== user)) throw this.#locked(name);
    const what = this.#queueName(name);
    assertSame(what, 'durable', made.options.durable, durable);
    assertSame(what, 'auto_delete', made.options.autoDelete, autoDelete);
    assertSameArguments(what, COMPARED_ARGUMENTS, made.options.args, args);
    made.touch();
    return made;
  }

  declareUnnamedQueue(options: Omit<QueueOptions, 'name'>): Queue {
    return this.#addQueue({ ...options, name: generated('amq.gen') });
  }

  deleteExchange(name: string, ifUnused: boolean): void {
    const found = this.exchanges.get(name);
    if (found === undefined) return;
    if (name.startsWith('amq.')) {
      throw new Refusal('ACCESS_REFUSED', `deletion of system ${this.#exchangeName(name)} not allowed`);
    }
    if (ifUnused && found.bindings.length > 0) {
      throw new Refusal('PRECONDITION_FAILED', `${this.#exchangeName(name)} in use`);
    }
    this.#removeExchange(found);
  }

  /** How many messages went with it. */
  deleteQueue(queue: Queue, { ifUnused = false, ifEmpty = false } = {}): number {
    if (ifUnused && queue.consumerCount > 0) {
      throw new Refusal('PRECONDITION_FAILED', `${this.#queueName(queue.name)} in use`);
    }
    if (ifEmpty && queue.messageCount > 0) {
      throw new Refusal('PRECONDITION_FAILED', `${this.#queueName(queue.name)} not empty`);
    }
    const count = queue.messageCount;
    this.queues.delete(queue.name);
    queue.delete();
    this.#forget(queue);
    return count;
  }

  /** What was only for this connection goes with it. */
  deleteQueuesOf(owner: object): void {
    for (const queue of this.queues.values()) if (queue.options.owner === owner) this.deleteQueue(queue);
  }

  /** To be called after a binding was taken away. */
  unbound(source: Exchange): void {
    if (source.options.autoDelete && source.bindings.length === 0) this.#removeExchange(source);
  }

  publish(message: Message): Published {
    const blind = stringsOf(message.properties.header('BCC'));
    const keys = [message.routingKey, ...stringsOf(message.properties.header('CC')), ...blind];
    const queues = this.#route(message, keys);
    const sent = blind.length === 0 ? message : withoutBlindCopies(message);
    let accepted = true;
    for (const queue of queues) if (!queue.publish(sent)) accepted = false;
    return { routed: queues.size > 0, accepted };
  }

  #route(message: Message, keys: readonly string[], dropsCircles = false): Set<Queue> {
    const queues = new Set<Queue>();
    const seen = new Set<Exchange>();
    const visit = (exchange: Exchange | undefined) => {
      if (exchange === undefined || seen.has(exchange)) return;
      seen.add(exchange);
      const next = keys.flatMap((key) => this.#destinations(exchange, message, key));
      for (const each of next) {
        if (each instanceof Exchange) visit(each);
        else if (!dropsCircles || !goesInCircles(message, each.name)) queues.add(each);
      }
      if (next.length === 0 && exchange.alternate !== undefined) visit(this.exchanges.get(exchange.alternate));
    };
    visit(this.exchanges.get(message.exchange));
    return queues;
  }

  #destinations(exchange: Exchange, message: Message, key: string): (Queue | Exchange)[] {
    if (exchange.name !== '') return exchange.destinations(message, key);
    const queue = this.queues.get(key);
    return queue === undefined ? [] : [queue];
  }

  #addQueue(options: QueueOptions): Queue {
    const limits = queueLimits(options.name, this.name, options.args);
    const queue = new Queue(options, limits, {
      deadLetter: (from, message, reason) => {
        const { deadLetterExchange, deadLetterRoutingKey } = from.limits;
        if (deadLetterExchange === undefined) return;
        const dead = deadLetter(message, from.name, reason, deadLetterExchange, deadLetterRoutingKey);
        // as it comes: a publisher's confirm and the settlement that buried it do not wait for it
        for (const each of this.#route(dead, [dead.routingKey], reason !== 'rejected')) each.publish(dead);
      },
      expire: (expired) => {
        if (this.queues.get(expired.name) === expired) this.deleteQueue(expired);
      },
      hold: this.#hold,
    });
    this.queues.set(options.name, queue);
    return queue;
  }

  #removeExchange(exchange: Exchange): void {
    this.exchanges.delete(exchange.name);
    this.#forget(exchange);
  }

  #forget(destination: Queue | Exchange): void {
    for (const exchange of [...this.exchanges.values()]) if (exchange.forget(destination)) this.unbound(exchange);
  }

  #locked(queue: string): Refusal {
    return new Refusal(
      'RESOURCE_LOCKED',
      `cannot obtain exclusive access to locked ${this.#queueName(queue)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
    );
  }

  #queueName = (name: string) => `queue '${name}' in vhost '${this.name}'`;
  #exchangeName = (name: string) => `exchange '${name}' in vhost '${this.name}'`;
}

const isExchangeType = (type: string): type is ExchangeType => (EXCHANGE_TYPES as readonly string[]).includes(type);

function withoutBlindCopies(message: Message): Message {
  const headers = message.properties.headers.filter(({ name }) => name !== 'BCC');
  return { ...message, properties: message.properties.withHeaders(headers) };
}
