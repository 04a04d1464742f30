import type { Field } from '../../amqp/encode.ts';
import type { Message } from './message.ts';
import type { QueueLimits } from './queue-arguments.ts';

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  /** its place among all that ever were in the queue: a requeued one goes back to it */
  readonly position: number;
  readonly priority: number;
  readonly expiresAt: number;
  redelivered: boolean;
}

/** Who consumes from a queue. */
export interface Consumer {
  readonly tag: string;
  readonly priority: number;
  readonly exclusive: boolean;
  /** It may be given one more. */
  readonly isReady: boolean;
  deliver(queue: Queue, entry: Entry): void;
  /** The queue has gone. */
  cancel(): void;
}

export interface QueueOptions {
  name: string;
  durable: boolean;
  autoDelete: boolean;
  /** the connection that alone may use it */
  owner: object | undefined;
  args: readonly Field[];
}

/** What a queue asks of the vhost it is in. */
export interface QueueHost {
  deadLetter(queue: Queue, message: Message, reason: 'expired' | 'maxlen' | 'rejected'): void;
  /** It wants to be deleted: its last consumer has left, or nobody has used it for long. */
  expire(queue: Queue): void;
  /** Bodies that it holds, in bytes: so many more or fewer. */
  hold(bytes: number): void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Queue {
  readonly options: QueueOptions;
  readonly limits: QueueLimits;
  readonly #host: QueueHost;
  /** by priority, then by position */
  readonly #ready: Entry[] = [];
  #readyBytes = 0;
  #consumers: Consumer[] = [];
  #positions = 0;
  #timer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #isDeleted = false;

  constructor(options: QueueOptions, limits: QueueLimits, host: QueueHost) {
    this.options = options;
    this.limits = limits;
    this.#host = host;
    this.touch();
  }

  get name(): string {
    return this.options.name;
  }

  get messageCount(): number {
    return this.#ready.length;
  }

  get consumerCount(): number {
    return this.#consumers.length;
  }

  get isExclusivelyConsumed(): boolean {
    return this.#consumers.some(({ exclusive }) => exclusive);
  }

  /** False: it is full and takes no more. */
  publish(message: Message): boolean {
    const { overflow, maxLength, maxLengthBytes, maxPriority } = this.limits;
    if (
      overflow !== 'drop-head' &&
      (this.#ready.length + 1 > maxLength || this.#readyBytes + message.body.length > maxLengthBytes)
    ) {
      if (overflow === 'reject-publish-dlx') this.#host.deadLetter(this, message, 'maxlen');
      return false;
    }
    const ttl = Math.min(
      this.limits.messageTtl,
      Number(message.properties.text('expiration') ?? Number.POSITIVE_INFINITY),
    );
    const entry: Entry = {
      message,
      position: this.#positions++,
      priority: Math.min(message.properties.octet('priority'), maxPriority),
      expiresAt: ttl === Number.POSITIVE_INFINITY ? ttl : Date.now() + ttl,
      redelivered: false,
    };
    this.#host.hold(message.body.length);
    this.#insert(entry);
    this.run(ttl === 0);
    this.#dropOverflow();
    return true;
  }

  /** Hands out what is there to consumers that may have more. */
  run(lastMayBeDue = false): void {
    while (!this.#isDeleted) {
      // a message that lives no time at all is still given to a consumer that waits
      this.#dropExpired(lastMayBeDue ? 1 : 0);
      if (this.#ready.length === 0) break;
      const consumer = this.#nextConsumer();
      if (consumer === undefined) break;
      const entry = this.#take();
      if (this.limits.singleActiveConsumer === false) {
        this.#consumers = [...this.#consumers.filter((each) => each !== consumer), consumer];
      }
      consumer.deliver(this, entry);
    }
    this.#dropExpired(0);
    this.#setTimer();
  }

  /** The first message, for basic.get. */
  get(): Entry | undefined {
    this.touch();
    this.#dropExpired(0);
    const entry = this.#ready.length === 0 ? undefined : this.#take();
    this.#dropExpired(0);
    this.#setTimer();
    return entry;
  }

  /** Settled for good, or delivered to one who does not settle. */
  done(entry: Entry): void {
    this.#host.hold(-entry.message.body.length);
  }

  /** Rejected for good. */
  reject(entry: Entry): void {
    this.done(entry);
    if (!this.#isDeleted) this.#host.deadLetter(this, entry.message, 'rejected');
  }

  /** They go back to their places; to be followed by `run`. */
  requeue(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.#isDeleted) {
        this.done(entry);
        continue;
      }
      entry.redelivered = true;
      this.#insert(entry);
    }
    this.#dropOverflow();
  }

  addConsumer(consumer: Consumer): void {
    this.#consumers.push(consumer);
    this.touch();
  }

  removeConsumer(consumer: Consumer): void {
    const before = this.#consumers.length;
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
    if (this.#consumers.length === before) return;
    this.touch();
    if (this.options.autoDelete && this.#consumers.length === 0) this.#host.expire(this);
    else this.run();
  }

  /** How many went. */
  purge(): number {
    const count = this.#ready.length;
    while (this.#ready.length > 0) this.done(this.#take());
    return count;
  }

  delete(): void {
    this.purge();
    this.#isDeleted = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#idleTimer);
    for (const consumer of this.#consumers.splice(0)) consumer.cancel();
  }

  /** It is in use: what deletes it when nobody uses it begins anew. */
  touch(): void {
    clearTimeout(this.#idleTimer);
    if (this.limits.expires === Number.POSITIVE_INFINITY || this.#consumers.length > 0) return;
    this.#idleTimer = setTimeout(() => this.#host.expire(this), this.limits.expires).unref();
  }

  #insert(entry: Entry): void {
    let at = this.#ready.length;
    while (at > 0 && isBefore(entry, this.#ready[at - 1])) at--;
    this.#ready.splice(at, 0, entry);
    this.#readyBytes += entry.message.body.length;
  }

  #take(): Entry {
    const entry = this.#ready.shift() as Entry;
    this.#readyBytes -= entry.message.body.length;
    return entry;
  }

  /** The ready one of the highest priority that had none for the longest. */
  #nextConsumer(): Consumer | undefined {
    if (this.limits.singleActiveConsumer) return this.#consumers[0]?.isReady ? this.#consumers[0] : undefined;
    let next: Consumer | undefined;
    for (const consumer of this.#consumers) {
      if (consumer.isReady && (next === undefined || consumer.priority > next.priority)) next = consumer;
    }
    return next;
  }

  #dropOverflow(): void {
    if (this.limits.overflow !== 'drop-head') return;
    while (this.#ready.length > this.limits.maxLength || this.#readyBytes > this.limits.maxLengthBytes) {
      this.#bury(this.#take(), 'maxlen');
    }
    this.#setTimer();
  }

  /** Only from the head: what is due behind one that is not waits for it. */
  #dropExpired(kept: number): void {
    const now = Date.now();
    while (this.#ready.length > kept && this.#ready[0].expiresAt <= now) this.#bury(this.#take(), 'expired');
  }

  #bury(entry: Entry, reason: 'expired' | 'maxlen'): void {
    this.done(entry);
    this.#host.deadLetter(this, entry.message, reason);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const [head] = this.#ready;
    if (head === undefined || head.expiresAt === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(Math.max(0, head.expiresAt - Date.now()), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.run(), wait).unref();
  }
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.priority > other.priority || (one.priority === other.priority && one.position < other.position);
