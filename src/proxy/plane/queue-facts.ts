import { makeRoom } from '../ports/bounded.ts';

/** Something learned of a queue or an exchange, also of what other threads see. Names are vhost and name, joined by NUL. */
export type QueueFact =
  | { kind: 'queue declared'; name: string; at: number; declared: Declared }
  | { kind: 'queue gone'; name: string; at: number }
  | { kind: 'queue dead-letters'; name: string; exchange: string }
  | { kind: 'exchange exists' | 'exchange gone'; name: string };

/** What a queue.declare that the broker granted says: it holds as long as the queue lives. */
export interface Declared {
  deadLetters: DeadLetterTarget | undefined;
  isStream: boolean;
  isClassic: boolean;
  /** ms after which its messages expire; undefined: it does not say */
  ttl: number | undefined;
  /** it outlives the broker's restarts, its declarer and its consumers */
  lasts: boolean;
  /** it had messages or consumers: the queue was there before */
  existed: boolean;
}

/** Where a queue's dead letters go; without a routing key: to where each message had gone. */
export interface DeadLetterTarget {
  exchange: string;
  routingKey: string | undefined;
  /** also what the full queue refuses */
  takesRefused: boolean;
}

/** A queue's last declaration; what it says is undefined if it was a deletion. */
interface Seen extends Partial<Pick<Declared, 'isStream' | 'isClassic' | 'lasts' | 'ttl'>> {
  at: number;
}

/** Of each kind; beyond, the oldest is forgotten. */
const MAX_FACTS = 4096;

/** The newest facts of one kind, by name. */
class Newest<T> {
  readonly #facts = new Map<string, T>();

  get(name: string): T | undefined {
    return this.#facts.get(name);
  }

  set(name: string, fact: T): void {
    this.#facts.delete(name);
    makeRoom(this.#facts, MAX_FACTS);
    this.#facts.set(name, fact);
  }

  delete(name: string): void {
    this.#facts.delete(name);
  }

  names(): Iterable<string> {
    return this.#facts.keys();
  }
}

/**
 * What is known of the broker's queues: which dead-letter, and which are streams. A declaration says it for as long as
 * the queue lives; the x-death of a delivery says that its queue did dead-letter when that message died, which nothing
 * else shows of a policy. Deletions, and declarations of what may be a new queue, make forget.
 */
export class QueueFacts {
  /** apart from what was only learned: however much that is, it does not push out what was declared */
  readonly #declared = new Newest<DeadLetterTarget>();
  readonly #learned = new Newest<DeadLetterTarget>();
  /** of those that were declared, which dead-letter also what they refuse */
  readonly #takingRefused = new Newest<true>();
  /** the queue's last declaration or deletion; `at` in microseconds since the epoch */
  readonly #seen = new Newest<Seen>();
  readonly #goneQueues = new Newest<true>();
  readonly #goneExchanges = new Newest<true>();
  /** queues that an app named in an x-death of its own, on a message without a stamp */
  readonly #claimed = new Newest<true>();

  /** Whether a message that is rejected goes on. */
  deadLetters(vhost: string, queue: string): boolean {
    const name = `${vhost}\0${queue}`;
    const target = this.#declared.get(name) ?? this.#learned.get(name);
    if (target === undefined) return false;
    const { exchange, routingKey } = target;
    if (exchange !== '') return this.#goneExchanges.get(`${vhost}\0${exchange}`) === undefined;
    return routingKey === undefined || this.#goneQueues.get(`${vhost}\0${routingKey}`) === undefined;
  }

  /** Whether a publish that the broker nacked may have been dead-lettered by a full queue that refused it. */
  deadLettersRefused(vhost: string, exchange: string, routingKey: string): boolean {
    if (exchange === '') {
      return this.#takingRefused.get(`${vhost}\0${routingKey}`) !== undefined && this.deadLetters(vhost, routingKey);
    }
    // bindings are not followed: any exchange but the default one may lead to any queue of its vhost
    const inVhost = `${vhost}\0`;
    for (const name of this.#takingRefused.names()) {
      if (name.startsWith(inVhost) && this.deadLetters(vhost, name.slice(inVhost.length))) return true;
    }
    return false;
  }

  /** By its declaration; undefined: none was seen. */
  isStream(vhost: string, queue: string): boolean | undefined {
    return this.#seen.get(`${vhost}\0${queue}`)?.isStream;
  }

  /** Likewise, whether it is there for good. */
  lasts(vhost: string, queue: string): boolean | undefined {
    return this.#seen.get(`${vhost}\0${queue}`)?.lasts;
  }

  /** ms after which its messages expire, by its declaration. */
  ttl(vhost: string, queue: string): number | undefined {
    return this.#seen.get(`${vhost}\0${queue}`)?.ttl;
  }

  isClassic(vhost: string, queue: string): boolean {
    return this.#seen.get(`${vhost}\0${queue}`)?.isClassic === true;
  }

  claimed(vhost: string, queue: string): void {
    this.#claimed.set(`${vhost}\0${queue}`, true);
  }

  /**
   * Whether a message that died in this queue, as a broker says, teaches that the queue dead-letters. `after`:
   * microseconds since the epoch, the message died later than that; NaN if nobody knows when.
   */
  teaches(vhost: string, queue: string, after: number, isStamped: boolean): boolean {
    const name = `${vhost}\0${queue}`;
    if (!isStamped && this.#claimed.get(name) !== undefined) return false;
    const seen = this.#seen.get(name);
    return seen === undefined || after > seen.at;
  }

  /** Takes it in. False: it was known. */
  learn(fact: QueueFact): boolean {
    switch (fact.kind) {
      case 'queue declared':
        this.#queueDeclared(fact.name, fact.at, fact.declared);
        return true;
      case 'queue gone':
        this.#declared.delete(fact.name);
        this.#takingRefused.delete(fact.name);
        this.#learned.delete(fact.name);
        this.#seen.set(fact.name, { at: fact.at });
        this.#goneQueues.set(fact.name, true);
        return true;
      case 'queue dead-letters':
        return this.#queueDeadLetters(fact.name, fact.exchange);
      case 'exchange exists': {
        const isNew = this.#goneExchanges.get(fact.name) !== undefined;
        this.#goneExchanges.delete(fact.name);
        return isNew;
      }
      case 'exchange gone':
        this.#goneExchanges.set(fact.name, true);
        return true;
    }
  }

  #queueDeclared(name: string, at: number, { deadLetters, existed, ...is }: Declared): void {
    // the broker grants no declaration whose arguments are not the queue's own
    if (deadLetters === undefined) this.#declared.delete(name);
    else this.#declared.set(name, deadLetters);
    if (deadLetters?.takesRefused) this.#takingRefused.set(name, true);
    else this.#takingRefused.delete(name);
    this.#goneQueues.delete(name);
    const seen = this.#seen.get(name);
    if (existed) {
      // learned before it was last made anew it can't be, and what was learned since still holds
      this.#seen.set(name, { at: seen?.at ?? 0, ...is });
      return;
    }
    this.#learned.delete(name);
    this.#seen.set(name, { at, ...is });
  }

  #queueDeadLetters(name: string, exchange: string): boolean {
    const [vhost] = name.split('\0', 1);
    const exchangeName = `${vhost}\0${exchange}`;
    const known = this.#declared.get(name) ?? this.#learned.get(name);
    const isNew = known === undefined || this.#goneExchanges.get(exchangeName) !== undefined;
    this.#goneExchanges.delete(exchangeName);
    if (known === undefined) this.#learned.set(name, { exchange, routingKey: undefined, takesRefused: false });
    return isNew;
  }
}
