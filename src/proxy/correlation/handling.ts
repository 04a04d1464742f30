/** Queues, and topics, of which it is remembered how one connection handles them; of others, holding one proves nothing. */
const MAX_QUEUES = 64;
const MAX_TOPICS = 16;
/** What it takes to trust a topic that is not published for each delivery: so many times for one, and as often idle. */
const LEAST = 8;
/** ms in which an app that publishes behind its ack would have done so. */
const IDLE_MS = 1000;
/** The chance that somebody who publishes at any time never met the connection while it held nothing. */
const CHANCE = 1e-6;

/** How messages of a topic are published for the deliveries of one queue. */
interface Habit {
  /** while a single one was held, so far */
  within: number;
  /** for each delivery; 0: the first one is not settled yet */
  each: number;
  /** as many for each delivery, from the queue's first one on */
  isRegular: boolean;
}

/** Deliveries out of one queue. */
interface Source {
  hasSettled: boolean;
  readonly habits: Map<string, Habit>;
}

/**
 * How one connection goes about its deliveries: how many it holds, and whether what it publishes while it holds a
 * single one comes of that.
 *
 * It does where the app publishes as many messages of the topic for each delivery of the queue, from the first one on, and
 * none while it holds nothing. Who publishes behind the ack has settled the first one without; who publishes by a timer,
 * for some and not for others. For some only is also how many apps handle what they get: theirs is proven when they have
 * often been idle and never published then.
 */
export class Handling {
  /** deliveries that await their settlement */
  open = 0;
  /** another one after each change of what is open */
  version = 0;
  /** it has had deliveries of which no settlement tells how long they are worked on */
  #hides = false;
  #hasHeld = false;
  hasSettled = false;
  readonly #sources = new Map<string, Source>();
  /** deliveries were settled before anything was published for one */
  #settledUnseen = false;
  /** publishes by topic since the last settlement */
  readonly #published = new Map<string, number>();
  /** topics that were published while nothing was held */
  readonly #outside = new Set<string>();
  #lastAlone: string | undefined;
  /** since when it holds something or nothing, ms of the monotonic clock, and for how long it did */
  #since = 0;
  #busyMs = 0;
  #idleMs = 0;
  #idleTimes = 0;

  opened(count: number, now: number): void {
    if (this.open === 0) {
      const idle = now - this.#since;
      if (this.#hasHeld) this.#idleMs += idle;
      if (this.#hasHeld && idle >= IDLE_MS) this.#idleTimes++;
      this.#since = now;
    }
    this.open += count;
    this.version++;
    this.#hasHeld = true;
  }

  /** Deliveries of one queue were settled. */
  settled(count: number, queue: string, now: number): void {
    this.open -= count;
    this.version++;
    this.hasSettled = true;
    if (this.open === 0) {
      this.#busyMs += now - this.#since;
      this.#since = now;
    }
    // most connections that consume publish nothing
    if (this.#sources.size === 0 && this.#published.size === 0) {
      this.#settledUnseen = true;
      return;
    }
    const source = this.#source(queue);
    if (source === undefined) return;
    for (const topic of this.#published.keys()) habitOf(source, topic);
    for (const [topic, habit] of source.habits) {
      const published = count === 1 ? (this.#published.get(topic) ?? 0) : 0;
      if (published === 0 || (habit.each > 0 && published !== habit.each)) habit.isRegular = false;
      habit.each = published;
    }
    if (this.#published.size > 0) this.#published.clear();
    source.hasSettled = true;
  }

  /** It has a delivery that it need not settle. */
  hides(): void {
    this.#hides = true;
  }

  /** It publishes and holds no delivery. */
  publishedAlone(topic: string): void {
    if (!this.#hasHeld || topic === this.#lastAlone) return;
    this.#lastAlone = topic;
    if (this.#outside.size < MAX_TOPICS) this.#outside.add(topic);
    else this.#hides = true;
  }

  /** It publishes such messages while it holds nothing, too. */
  isOutside(topic: string): boolean {
    return this.#outside.has(topic);
  }

  /** It publishes while it holds some. */
  publishes(topic: string): void {
    const count = this.#published.get(topic);
    if (count !== undefined) this.#published.set(topic, count + 1);
    else if (this.#published.size < MAX_TOPICS) this.#published.set(topic, 1);
  }

  /** Behind `publishes`, while it holds a single one, of this queue. True: it comes of that. */
  isWithin(topic: string, queue: string, now: number): boolean {
    const source = this.#source(queue);
    const habit = source && habitOf(source, topic);
    if (habit === undefined) return false;
    habit.within++;
    if (habit.each > 0 && (this.#published.get(topic) ?? 0) > habit.each) habit.isRegular = false;
    if (this.#hides || this.isOutside(topic)) return false;
    return habit.isRegular || this.#isProven(habit, now);
  }

  #isProven({ within }: Habit, now: number): boolean {
    if (within < LEAST || this.#idleTimes < LEAST) return false;
    const busy = this.#busyMs + now - this.#since;
    return (busy / (busy + this.#idleMs)) ** within < CHANCE;
  }

  #source(queue: string): Source | undefined {
    const known = this.#sources.get(queue);
    if (known !== undefined || this.#sources.size >= MAX_QUEUES) return known;
    const source = { hasSettled: this.#settledUnseen, habits: new Map<string, Habit>() };
    this.#sources.set(queue, source);
    return source;
  }
}

function habitOf({ habits, hasSettled }: Source, topic: string): Habit | undefined {
  const known = habits.get(topic);
  if (known !== undefined || habits.size >= MAX_TOPICS) return known;
  const habit = { within: 0, each: 0, isRegular: !hasSettled };
  habits.set(topic, habit);
  return habit;
}
