import type { ChannelState } from '../open-messages/channel-state.ts';
import { CONFIRM, type OpenMessages } from '../open-messages/open-messages.ts';
import type { PublishTally } from '../ports/observer.ts';
import { ConfirmTags } from './confirm-tags.ts';
import type { PublishNumbers } from './publish-numbers.ts';

/** Confirms of a channel that are hidden; beyond, the app hears of them at once. */
const MAX_HIDDEN = 65_536;

/** A confirm that the app hears of at `until`, ms of the monotonic clock. */
interface Withheld {
  tag: number;
  ack: boolean;
  until: number;
}

/**
 * What an app hears of confirms while a fault keeps the broker's count of a channel's publishes from
 * agreeing with the app's: each by itself, some of them later.
 */
export class ConfirmTranslator {
  readonly #numbers: PublishNumbers;
  readonly #state: ChannelState;
  readonly #open: OpenMessages<PublishTally>;
  readonly #answer: (tag: number, ack: boolean) => void;
  /** which publish each of the broker's tags means; undefined while one difference holds for all that await a confirm */
  #tags: ConfirmTags | undefined;
  /** publishes to be sent after later ones */
  #deferred = 0;
  /** confirms that the app must not hear of yet, by sequence: ms of the monotonic clock */
  readonly #hidden = new Map<number, number>();
  #withheld: Withheld[] = [];

  /** `answer` tells the app of a confirm in its own numbers. */
  constructor(
    numbers: PublishNumbers,
    state: ChannelState,
    open: OpenMessages<PublishTally>,
    answer: (tag: number, ack: boolean) => void,
  ) {
    this.#numbers = numbers;
    this.#state = state;
    this.#open = open;
    this.#answer = answer;
  }

  /** The broker's confirms can't be passed on as they are. */
  get isOn(): boolean {
    return this.#tags !== undefined;
  }

  /** A fault drops, repeats or defers a publish: from here on tags are kept one by one, until one difference holds again. */
  begin(): void {
    if (this.#state.word !== 'confirming' || this.#tags !== undefined) return;
    const { sequence, brokerFrom, behind } = this.#numbers;
    const base = brokerFrom + behind;
    this.#tags = new ConfirmTags(sequence - base + 1);
    for (const { first, awaits } of this.#open) if (awaits === CONFIRM) this.#tags.awaits(first - base, first);
  }

  /** Ends the translation if no confirm is awaited: for all that comes, the two counts differ by the same number. */
  endIfSettled(): void {
    const tags = this.#tags;
    if (tags === undefined || !tags.isSettled || this.#deferred > 0 || this.#withheld.length > 0) return;
    this.#numbers.behind = this.#numbers.sequence - this.#numbers.brokerFrom - (tags.next - 1);
    this.#tags = undefined;
  }

  /** A publish is to be sent after later ones: `sent` tells when it is. */
  deferred(): void {
    this.#deferred++;
  }

  deferredSent(sequence: number): void {
    this.#deferred--;
    this.sent(sequence);
  }

  sent(sequence: number): void {
    this.#tags?.sent(sequence);
  }

  /** The publish before is sent once more: nobody waits for the broker's confirm of the copy. */
  repeated(): void {
    this.sent(0);
  }

  /** The app hears of the confirm of `sequence` at `until`, ms of the monotonic clock, at the earliest. */
  hide(sequence: number, until: number): void {
    if (this.#tags === undefined || this.#hidden.size + this.#withheld.length >= MAX_HIDDEN) return;
    this.#hidden.set(sequence, until);
  }

  /** Confirms that were hidden until now. */
  reveal(now: number): void {
    if (this.#withheld.length === 0) return;
    const due = this.#withheld.filter(({ until }) => until <= now);
    this.#withheld = this.#withheld.filter(({ until }) => until > now);
    for (const { tag, ack } of due) this.#answer(tag, ack);
  }

  /** Nothing is hidden any more. */
  revealAll(): void {
    this.#hidden.clear();
    this.reveal(Number.POSITIVE_INFINITY);
  }

  /** The sequences that a confirm of the broker settles; 0: a copy, which nobody waits for. */
  take(tag: number, multiple: boolean): number[] {
    return this.#tags?.take(tag, multiple) ?? [];
  }

  /** The broker confirmed `sequence`: the app hears of it, now or once it is no longer hidden. */
  confirmed(sequence: number, ack: boolean, now: number): void {
    const until = this.#hidden.get(sequence) ?? 0;
    this.#hidden.delete(sequence);
    const tag = sequence - this.#numbers.appFrom;
    if (!(tag > 0)) return;
    if (until > now) this.#withheld.push({ tag, ack, until });
    else this.#answer(tag, ack);
  }

  /** No confirm of the broker will come: an app that waits for one gets a nack of ours. */
  nack(sequence: number): void {
    const tag = sequence - this.#numbers.appFrom;
    if (tag > 0) this.#answer(tag, false);
  }
}
