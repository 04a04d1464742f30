import type { MessageEnded, StateAnswer, TopicsAnswer, TopicsChange } from '../api.ts';
import type { Answers } from './answers.ts';
import type { Peers } from './peers.ts';
import type { Subscription } from './queries.ts';
import type { AdminSources } from './sources.ts';

const STATE_MS = 1000;
const TOPICS_MS = 2000;
/** Whoever looks finds out so often, at the least, whether the other one is still there. */
const HEARTBEAT_MS = 15_000;
/** Messages that wait for a reader; more are counted, not kept. */
const MOST_WAITING = 1000;
/** An EventSource comes back after so long. */
const RETRY = 'retry: 2000\n\n';

/** Server-sent events on their way to one reader: bounded, whatever the reader does. */
class Outbox {
  skipped = 0;
  #waiting: string[] = [];
  #wake: () => void = () => {};
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake());
  }

  get isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  add(name: string, value: unknown): void {
    this.#waiting.push(`event: ${name}\ndata: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
    this.#wake();
  }

  /** For as long as somebody reads. */
  async *read(): AsyncIterable<string> {
    yield RETRY;
    while (!this.#signal.aborted) {
      if (this.#waiting.length === 0) await this.#some();
      const text = this.#waiting.splice(0).join('');
      yield text === '' ? ': still here\n\n' : text;
    }
  }

  #some(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, HEARTBEAT_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** What is told to whoever watches, until `signal` says that he has gone. */
export class Events {
  readonly #answers: Answers;
  readonly #sources: AdminSources;
  readonly #peers: Peers;

  constructor(answers: Answers, sources: AdminSources, peers: Peers) {
    this.#answers = answers;
    this.#sources = sources;
    this.#peers = peers;
  }

  stream({ of, topics, topic }: Subscription, own: boolean, signal: AbortSignal): AsyncIterable<string> {
    const outbox = new Outbox(signal);
    if (of.has('state')) {
      let before: Partial<StateAnswer> = {};
      every(STATE_MS, signal, async () => {
        const state = await this.#answers.state(own);
        const changed = changedKeys(before, state);
        before = state;
        if (Object.keys(changed).some((key) => key !== 'uptime')) outbox.add('state', changed);
      });
    }
    if (of.has('topics')) {
      const change = new TopicChanges();
      every(TOPICS_MS, signal, async () => {
        const changed = change.since(await this.#answers.topics(topics, own));
        if (changed !== undefined) outbox.add('topics', changed);
      });
    }
    if (of.has('messages')) this.#messages(topic, own, signal, outbox);
    return outbox.read();
  }

  #messages(topic: string | undefined, own: boolean, signal: AbortSignal, outbox: Outbox): void {
    const { id } = this.#sources.identity;
    const add = (message: string): void => {
      if (outbox.isFull) outbox.skipped++;
      else outbox.add('messages', message);
    };
    const end = this.#sources.watch({
      topic,
      ended: (message) => add(JSON.stringify({ ...message, sidecar: id } satisfies MessageEnded)),
      skipped: (count) => {
        outbox.skipped += count;
      },
    });
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    every(STATE_MS, signal, async () => {
      if (outbox.skipped === 0 || outbox.isFull) return;
      outbox.add('skipped', { count: outbox.skipped });
      outbox.skipped = 0;
    });
    if (own || !this.#peers.any) return;
    const parameters = { of: 'messages', ...(topic !== undefined && { topic }) };
    void this.#peers.follow('/api/events', parameters, signal, (name, data) => {
      if (name === 'messages') add(data);
      else if (name === 'skipped') outbox.skipped += JSON.parse(data).count;
    });
  }
}

/** Calls `work` at once and again after it is done, until `signal` says stop. What fails is tried again. */
function every(ms: number, signal: AbortSignal, work: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  const next = async (): Promise<void> => {
    await work().catch(() => {});
    if (!signal.aborted) timer = setTimeout(next, ms);
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  if (!signal.aborted) void next();
}

/** Keys whose value is another than before. */
function changedKeys(before: Partial<StateAnswer>, now: StateAnswer): Partial<StateAnswer> {
  const changed = Object.entries(now).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key as keyof StateAnswer]),
  );
  return Object.fromEntries(changed);
}

/** What of the rows that somebody looks at has changed. */
class TopicChanges {
  #rows = new Map<string, string>();
  #order = '';
  #rest = '';

  /** Undefined: nothing. */
  since({ topics, ...rest }: TopicsAnswer): TopicsChange | undefined {
    const rows = new Map(topics.map((row) => [JSON.stringify([row.topic, row.pipeline]), row]));
    const texts = new Map([...rows].map(([key, row]) => [key, JSON.stringify(row)]));
    const changed = [...rows].filter(([key]) => this.#rows.get(key) !== texts.get(key)).map(([, row]) => row);
    const order = [...rows.keys()];
    const { at: _, ...compared } = rest;
    const isSame = changed.length === 0 && order.join() === this.#order && JSON.stringify(compared) === this.#rest;
    this.#rows = texts;
    this.#order = order.join();
    this.#rest = JSON.stringify(compared);
    return isSame ? undefined : { ...rest, order, topics: changed };
  }
}
