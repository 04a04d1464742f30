import type { Arguments } from '../../amqp/methods.ts';
import { keyOf, type MethodName, methods } from '../../amqp/spec.ts';

/** A request of the app that the broker will answer, in order, on this channel; or one that only its failure answers. */
export interface Request {
  reply: MethodName;
  /** no answer comes */
  nowait?: boolean;
  /** how much had passed when it was sent: what its reply is a barrier for, or commits */
  publishes: number;
  settlements: number;
  /** of settlements, for what it shows to have been read */
  settled: number;
  /** it follows something that the broker should have closed the channel for: an answer shows that it did not */
  isDoomed: boolean;
  /** how many consumers the app had cancelled so far without waiting for an answer */
  left: number;
  consume?: { queue: string; noAck: boolean; asksForOffset: boolean };
  get?: { queue: string; noAck: boolean };
  declare?: Arguments<'queue.declare'>;
  cancel?: string;
  /** the broker has done what was asked */
  done?: (now: number) => void;
  /** asked right behind it without an answer to wait for: done when its answer is there */
  behind?: ((now: number) => void)[];
}

/** How many more requests of one connection are remembered. */
export interface RequestBudget {
  left: number;
}

/**
 * Requests of a connection that are remembered while they wait for their answers. Clients wait for the answer to one
 * before they send the next; no more than a few are ever on their way on a channel.
 */
export const MAX_REQUESTS = 8192;

/** Methods whose answer has another name than `<method>-ok`. */
const GET_OK = keyOf('basic.get-ok');
const GET_EMPTY = keyOf('basic.get-empty');
/** A queue answers these: the answers to what is asked after them can come first (docs/broker-facts.md#replies-in-order). */
const ANSWERED_BY_QUEUES: ReadonlySet<MethodName> = new Set(['basic.consume-ok', 'basic.cancel-ok']);
const REPLIES: ReadonlySet<number> = new Set(
  (Object.keys(methods) as MethodName[]).filter((name) => name.endsWith('-ok')).map(keyOf),
);

/**
 * What the app has asked for on one channel and the broker has yet to answer. Replies come in the order of the
 * requests. Of those beyond the budget it is only known how many they are.
 */
export class Requests {
  readonly #budget: RequestBudget;
  readonly #waiting: Request[] = [];
  /** of those that wait, by the key of their reply: a reply that nobody waits for must not cost a search */
  readonly #awaited = new Map<number, number>();
  /** came after all that wait, and were not kept */
  #untold = 0;

  constructor(budget: RequestBudget) {
    this.#budget = budget;
  }

  /** False: there is no room for it, and what its reply means will not be known. */
  add(request: Request): boolean {
    // behind one that is not known, the order of the replies would not tell which is which
    if (this.#untold > 0 || this.#budget.left === 0) {
      this.#untold++;
      return false;
    }
    this.#budget.left--;
    if (!request.nowait) {
      const key = keyOf(request.reply);
      this.#awaited.set(key, (this.#awaited.get(key) ?? 0) + 1);
    }
    this.#waiting.push(request);
    return true;
  }

  /** The request this reply answers. One that does not fit is nobody's. */
  answered(key: number): Request | undefined {
    const wanted = key === GET_EMPTY ? GET_OK : key;
    if (this.awaits(wanted)) {
      const at = this.#waiting.findIndex(({ reply, nowait }) => !nowait && keyOf(reply) === wanted);
      const done = this.#waiting.splice(0, at + 1);
      const answered = done.pop();
      // older ones were not answered and never will be, but for those that the broker's channel does not wait for
      const late = done.filter(({ reply, nowait }) => !nowait && ANSWERED_BY_QUEUES.has(reply));
      this.#waiting.unshift(...late);
      this.#release(done.filter((each) => !late.includes(each)));
      if (answered !== undefined) this.#release([answered]);
      return answered;
    }
    if (this.#waiting.length === 0 && this.#untold > 0 && REPLIES.has(wanted)) this.#untold--;
    return undefined;
  }

  /** A reply with this key is to come. */
  awaits(key: number): boolean {
    return (this.#awaited.get(key) ?? 0) > 0;
  }

  /** The first one for this reply, also if none will come of it. */
  find(name: MethodName): Request | undefined {
    return this.#waiting.find(({ reply }) => reply === name);
  }

  /** There is one for which no answer comes. */
  hasNowait(name: MethodName): boolean {
    return this.#waiting.some(({ reply, nowait }) => nowait && reply === name);
  }

  /** Those that wait, in their order. */
  [Symbol.iterator](): Iterator<Request> {
    return this.#waiting.values();
  }

  /** The last one that will be answered. */
  get last(): Request | undefined {
    return this.#waiting.findLast(({ nowait }) => !nowait);
  }

  /** Calls `done` when the answer to the last request is there: the broker has then done what was asked right behind it. */
  behindLast(last: Request, done: (now: number) => void): void {
    last.behind ??= [];
    if (this.#budget.left === 0) return;
    this.#budget.left--;
    last.behind.push(done);
  }

  clear(): void {
    this.#release(this.#waiting.splice(0));
    this.#untold = 0;
  }

  #release(done: readonly Request[]): void {
    this.#budget.left += done.length;
    for (const { reply, nowait, behind = [] } of done) {
      this.#budget.left += behind.length;
      if (nowait) continue;
      const key = keyOf(reply);
      this.#awaited.set(key, (this.#awaited.get(key) ?? 0) - 1);
    }
  }
}
