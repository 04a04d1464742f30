import { makeRoom } from '../ports/bounded.ts';
import type { Clock } from '../ports/clock.ts';
import { appName } from '../routing/app-name.ts';
import type { Client } from '../routing/treatment.ts';
import { Alarm } from './alarm.ts';
import { DeliveryLimits } from './delivery-limits.ts';
import { type QueueFact, QueueFacts } from './queue-facts.ts';

/** Something learned from one connection that matters to others, also to those of other threads. */
export type Fact = NamedFact | QueueFact | LimitFact | AlarmFact;

/** The broker blocks publishers, or no longer. */
interface AlarmFact {
  kind: 'alarm';
  name: typeof STANDS | typeof OVER;
}

/** A queue was declared with such a delivery limit, without one (undefined), or deleted. */
interface LimitFact {
  kind: 'delivery-limit';
  /** vhost and name, joined by NUL */
  name: string;
  limit?: number;
}

interface NamedFact {
  /** an exchange that delays, a client that uses tx */
  kind: 'delays' | 'transactional';
  /** vhost and name, or the client, joined by NUL */
  name: string;
}

const STANDS = 'stands';
const OVER = 'over';

/** Of each kind. */
const MAX_NAMES = 4096;

/** What a thread's connections have found out of the broker and its clients, and those of other threads. */
export class Facts {
  /** whether the broker blocks publishers */
  readonly alarm = new Alarm();
  readonly queues = new QueueFacts();
  readonly #limits = new DeliveryLimits();
  readonly #names: Record<NamedFact['kind'], Set<string>> = {
    delays: new Set(),
    transactional: new Set(),
  };
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onDelaying: (vhost: string, exchange: string) => void;
  /** told of what this thread finds out; what others found out goes to `learn` */
  onFact: (fact: Fact) => void = () => {};

  /** `onDelaying` is told of each exchange that delays, once. */
  constructor(clock: Pick<Clock, 'now'>, onDelaying: (vhost: string, exchange: string) => void) {
    this.#clock = clock;
    this.#onDelaying = onDelaying;
    this.alarm.onChange = (stands) => this.onFact({ kind: 'alarm', name: stands ? STANDS : OVER });
  }

  /** Another thread's finding. */
  learn(fact: Fact): void {
    switch (fact.kind) {
      case 'alarm':
        this.alarm.learn(fact.name === STANDS, this.#clock.now());
        return;
      case 'delivery-limit':
        this.#limits.note(fact.name, fact.limit);
        return;
      case 'delays':
      case 'transactional':
        this.#learn(fact);
        return;
      default:
        this.queues.learn(fact);
    }
  }

  #learn({ kind, name }: NamedFact): void {
    const names = this.#names[kind];
    if (names.has(name)) return;
    makeRoom(names, MAX_NAMES);
    names.add(name);
    if (kind !== 'delays') return;
    const [vhost = '', exchange = ''] = name.split('\0');
    this.#onDelaying(vhost, exchange);
  }

  #note(kind: NamedFact['kind'], name: string): void {
    if (this.#names[kind].has(name)) return;
    const fact = { kind, name };
    this.#learn(fact);
    this.onFact(fact);
  }

  /** Something was found out of a queue, or of an exchange that dead letters may go to. */
  noteQueue(fact: QueueFact): void {
    if (this.queues.learn(fact)) this.onFact(fact);
  }

  /** An exchange of type x-delayed-message returns every mandatory message: ours would all look lost. */
  noteDelaying(vhost: string, exchange: string): void {
    this.#note('delays', `${vhost}\0${exchange}`);
  }

  delays(vhost: string, exchange: string): boolean {
    return this.#names.delays.has(`${vhost}\0${exchange}`);
  }

  /** A client selected tx, which a channel of ours with confirms would not have allowed. */
  noteTransactional(client: Client): void {
    this.#note('transactional', keyOf(client));
  }

  isTransactional(client: Client): boolean {
    return this.#names.transactional.has(keyOf(client));
  }

  /** A queue was declared with such a delivery limit, without one (undefined), or deleted. */
  noteDeliveryLimit(vhost: string, queue: string, limit: number | undefined): void {
    const name = `${vhost}\0${queue}`;
    if (this.#limits.of(name) === limit) return;
    this.#limits.note(name, limit);
    this.onFact({ kind: 'delivery-limit', name, ...(limit !== undefined && { limit }) });
  }

  /** How often the queue delivers a message again, by its declaration; undefined: it is not known. */
  deliveryLimit(vhost: string, queue: string): number | undefined {
    return this.#limits.of(`${vhost}\0${queue}`);
  }
}

/**
 * A client by what all its instances have in common: its app, whose name often differs from connection to connection by
 * a counter in its midst too, its library and its user. Not by its host: one instance teaches all.
 */
function keyOf(client: Client): string {
  return [client.product, appName(client).replace(/\d+/g, '#'), client.user].join('\0');
}
