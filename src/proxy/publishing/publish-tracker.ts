import type { ChannelState } from '../open-messages/channel-state.ts';
import { COMMIT, CONFIRM, FLUSH, OpenMessages, REPLY, RETURN, type Stretch } from '../open-messages/open-messages.ts';
import type { Flushable, Unflushed } from '../open-messages/unflushed.ts';
import type { Habits } from '../plane/habits.ts';
import type { Plane } from '../plane/plane.ts';
import type { PublishTally, UnknownReason } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { AssumedPublishes, type Origin } from './assumed-publishes.ts';
import { refusalOf } from './broker-refusal.ts';
import type { BrokerSilence } from './broker-silence.ts';
import { ConfirmTranslator } from './confirm-translator.ts';
import { PublishHistory } from './publish-history.ts';
import { DROPPED, MANDATORY, SENT_ADDED } from './publish-marks.ts';
import { PublishNumbers } from './publish-numbers.ts';
import { NO_REPLY, PublishOutcomes, type Reply } from './publish-outcomes.ts';
import type { PublishRun, Returned } from './publish-run.ts';
import { candidates, refused } from './refused-publish.ts';
import { type Names, Returns } from './returns.ts';

/** A mandatory publish without confirms counts as routed if no return came so long after its flush. */
export const RETURN_WAIT_MS = 1000;
/** Numbers from the first publish to the last. */
const ALL = Number.POSITIVE_INFINITY;

/** What a fault did to a publish that passed nevertheless. */
export interface Detoured {
  /** it left or will leave later than the chunk it came in: `left` tells when */
  held: boolean;
  /** later ones are sent before it */
  deferred: boolean;
  /** the broker's confirms can't be passed on as they come any more */
  translated: boolean;
}

/**
 * The publish side of one channel: numbers each publish, keeps those whose outcome is open, and
 * ends each exactly once (docs/loss.md#how-a-messages-passage-ends).
 * One file because what a publish awaits is decided when it passes, and each flush, confirm, return, commit and close has
 * to end exactly those that await it.
 */
export class PublishTracker implements Flushable {
  readonly numbers = new PublishNumbers();
  readonly translator: ConfirmTranslator;
  readonly #plane: Plane;
  readonly #state: ChannelState;
  readonly #silence: BrokerSilence;
  readonly #unflushed: Unflushed;
  readonly #limit: number;
  readonly #habits: Habits;
  readonly #open = new OpenMessages<PublishTally>();
  readonly #outcomes: PublishOutcomes;
  readonly #returns: Returns;
  readonly #history = new PublishHistory();
  readonly #assumed = new AssumedPublishes();
  /** it waits for the next flush */
  #waits = false;
  /** of the call at hand, ms of the monotonic clock */
  #now = 0;
  readonly #routed = (stretch: Stretch<PublishTally>): void => this.#outcomes.succeeded(stretch, false, this.#now);
  /** The broker has answered what came behind them. */
  readonly #read = (stretch: Stretch<PublishTally>): void => {
    this.#silence.answered(stretch.time, this.#now);
    this.#routed(stretch);
  };
  readonly #acked = (stretch: Stretch<PublishTally>): void => {
    this.#silence.answered(stretch.time, this.#now);
    if (stretch.returned) this.#outcomes.lost(stretch, 'unroutable', true, this.#now);
    else this.#outcomes.succeeded(stretch, true, this.#now);
  };
  readonly #nacked = (stretch: Stretch<PublishTally>): void => {
    this.#returns.nacked(stretch);
    this.#outcomes.nacked(stretch, this.#now);
  };
  readonly #unanswered = (stretch: Stretch<PublishTally>): void => {
    this.#silence.unanswered(stretch.time, this.#now);
    this.#history.assumed(stretch.route, stretch.largest, stretch.marks, stretch.first + stretch.count - 1);
    this.#assumed.add(stretch, stretch.first, stretch.count);
    this.#routed(stretch);
  };
  readonly #committed = (stretch: Stretch<PublishTally>): void => {
    this.#countPassed(stretch);
    noteNewest(stretch);
    if (stretch.returned) this.#outcomes.lost(stretch, 'unroutable', false, this.#now);
    else if ((stretch.marks & DROPPED) !== 0) this.#outcomes.lost(stretch, 'fault', false, this.#now);
    else this.#routed(stretch);
  };
  readonly #undone = (stretch: Stretch<PublishTally>): void => this.#outcomes.undone(stretch);

  /** `answer` tells the app of a confirm in its own numbers. */
  constructor(
    plane: Plane,
    vhost: string,
    connection: number,
    channel: number,
    state: ChannelState,
    silence: BrokerSilence,
    unflushed: Unflushed,
    habits: Habits,
    answer: (tag: number, ack: boolean) => void,
  ) {
    this.#plane = plane;
    this.#state = state;
    this.#silence = silence;
    this.#unflushed = unflushed;
    this.#habits = habits;
    this.#limit = plane.options.windowPerChannel;
    this.#outcomes = new PublishOutcomes(plane, vhost, connection, channel, this.#open, this.numbers);
    this.#returns = new Returns(this.#open, this.#outcomes, this.#assumed);
    this.translator = new ConfirmTranslator(this.numbers, state, this.#open, answer);
  }

  /** Open publishes: what a drain waits for, and a sweep looks at. */
  get open(): number {
    return this.#open.size;
  }

  /** Publishes that only we await a confirm for. */
  get awaitsShadow(): boolean {
    const { isShadowed, brokerFrom, appFrom } = this.numbers;
    return isShadowed && this.#open.some(brokerFrom + 1, appFrom, CONFIRM);
  }

  /** The last byte of each passed towards the broker; `detoured`: what a fault did to it, and then the run has one. */
  passed(run: PublishRun, detoured?: Detoured): void {
    const { numbers, translator } = this;
    if (translator.isOn || detoured !== undefined) this.#translate(run, detoured);
    const first = numbers.sequence + 1;
    numbers.sequence += run.count;
    this.#returns.passed(run);
    this.#history.goesTo(run.route, run.marks);
    const decidedBy = this.#state.publishesAwait;
    if (decidedBy === 0) {
      this.#neverTaken(run, first);
      return;
    }
    if (decidedBy !== COMMIT) {
      countPassed(run.route, run.bytes, run.count);
      noteNewest(run);
    }
    if (!run.isPersistent) this.#habits.publishedTransient(run.route, run.time);
    const isPlain = decidedBy === RETURN;
    // a broker that blocks leaves what was flushed in the kernel
    const awaits = isPlain && (run.marks & MANDATORY) === 0 && !this.#silence.mayBeBlocked ? FLUSH : decidedBy;
    this.#keep(run, first, awaits, detoured?.held ?? false);
    if (isPlain || decidedBy === REPLY) this.#awaitFlush();
  }

  #keep(run: PublishRun, first: number, awaits: number, held: boolean): void {
    const { count } = run;
    const kept = awaits === FLUSH ? count : Math.min(count, Math.max(0, this.#limit - this.#open.awaiting));
    this.#open.add(run, 0, kept, first, awaits, held);
    const last = first + count - 1;
    if (awaits === FLUSH) this.#history.assumed(run.route, run.largest, run.marks, last);
    if (kept === count) return;
    for (let i = kept; i < count; i++) this.#plane.observer.traffic.unobserved('window_full');
    this.#history.assumed(run.route, run.largest, run.marks, last);
    this.#assumed.add(run, first + kept, count - kept);
    // the flush is all that is left to go by; without it a confirmed publish stays without an outcome
    if (awaits === RETURN) this.#open.add(run, kept, count - kept, first + kept, FLUSH, held);
  }

  /** The channel is closed, or lost: the broker discards what comes on it, and will not say so. */
  #neverTaken(run: PublishRun, first: number): void {
    const reason = this.#state.unknown;
    // what no commit will follow was never published
    if (reason === undefined) return;
    countPassed(run.route, run.bytes, run.count);
    this.#open.add(run, 0, run.count, first, FLUSH);
    this.#open.take(first, first + run.count - 1, FLUSH, (stretch) =>
      this.#outcomes.unknown(stretch, reason, run.time),
    );
  }

  #translate(run: PublishRun, detoured: Detoured | undefined): void {
    const { translator, numbers } = this;
    translator.endIfSettled();
    if (detoured?.translated) translator.begin();
    if (detoured?.deferred) translator.deferred();
    else for (let i = 1; i <= run.count; i++) translator.sent(numbers.sequence + i);
  }

  #awaitFlush(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#unflushed.add(this);
  }

  /** Flushable: what awaited nothing else has succeeded. */
  flushed(now: number): void {
    this.#waits = false;
    this.#now = now;
    this.#open.flush(now, this.#routed);
  }

  /** Flushable: its connection ends, and `end` says what became of all that is open. */
  unsent(): void {
    this.#waits = false;
  }

  /** A publish that a fault held back has left for the socket. */
  left(sequence: number): void {
    this.#open.release(sequence);
    this.#awaitFlush();
  }

  /** The last byte of a publish came that is not forwarded: lost. `tell`: an app that waits for its confirm gets a nack. */
  dropped(run: PublishRun, tell: boolean, now: number): void {
    this.translator.endIfSettled();
    this.translator.begin();
    const first = ++this.numbers.sequence;
    const { publishesAwait, unknown } = this.#state;
    if (publishesAwait === COMMIT) {
      run.marks |= DROPPED;
      this.#keep(run, first, COMMIT, false);
      return;
    }
    if (publishesAwait === 0) {
      if (unknown !== undefined) this.#neverTaken(run, first);
      return;
    }
    run.route.tally.passed(run.bytes);
    this.#open.add(run, 0, 1, first, FLUSH);
    this.#open.take(first, first, FLUSH, (stretch) => this.#outcomes.dropped(stretch, run.fault, now));
    if (tell) this.translator.nack(first);
  }

  /** basic.ack or basic.nack of the broker for its tags from `from` to `to`; `from` 0: all up to `to`. */
  confirmed(from: number, to: number, ack: boolean, now: number): void {
    this.#now = now;
    const each = ack ? this.#acked : this.#nacked;
    if (from > 0) {
      this.#open.take(this.numbers.sequenceOf(from), this.numbers.sequenceOf(to), CONFIRM, each);
      return;
    }
    // tag 0 with multiple means all so far; brokers don't send it, but the specification has it
    const last = to === 0 ? this.numbers.sequence : this.numbers.sequenceOf(to);
    // the returns of those before confirms were selected have come
    this.#open.take(0, last, RETURN, this.#routed);
    this.#open.take(0, last, CONFIRM, each);
  }

  /** The app asked for confirms, and knows each by the broker's own tag. */
  get confirmsPassAsTheyAre(): boolean {
    return !this.numbers.isShadowed && this.numbers.behind === 0 && !this.translator.isOn;
  }

  /** `confirmed` of one frame, where the app is told of each publish by itself. */
  confirmedOneByOne(tag: number, multiple: boolean, ack: boolean, now: number): void {
    this.#now = now;
    const each = ack ? this.#acked : this.#nacked;
    for (const sequence of this.translator.take(tag, multiple)) {
      if (sequence === 0) continue;
      this.#open.take(sequence, sequence, CONFIRM, each);
      this.translator.confirmed(sequence, ack, now);
    }
  }

  /**
   * basic.return. Returns what of its publish the app must not see; if its outcome was already counted, what can
   * still be known of that.
   */
  returned(message: Returned, now: number): Origin {
    this.#habits.returned(message.route);
    return this.#returns.returned(message, now);
  }

  /** Whether we may ask for the return of a publish of these names: not where the app could not be spared ours. */
  mayShadow(names: Names): boolean {
    return this.#returns.mayShadow(names);
  }

  /**
   * A synchronous reply to a request sent when `sequence` publishes had passed: the returns of all
   * of those have come, so what is still open without confirms was routed.
   */
  barrier(sequence: number, now: number): void {
    this.#now = now;
    this.#open.take(0, sequence, RETURN, this.#read);
    this.#assumed.proven(sequence);
    this.#history.proven(sequence);
  }

  /** The broker read on where it should have closed the channel: it has taken what was published since. */
  tolerated(now: number): void {
    this.#now = now;
    this.#open.take(0, ALL, REPLY, this.#routed);
  }

  /** Mandatory publishes without confirms that waited long enough for a return, from a broker that reads. */
  sweep(now: number): void {
    if (!(this.#silence.meaningfulSince(now) <= now - RETURN_WAIT_MS)) return;
    this.#now = now;
    this.#open.takeFlushed(now - RETURN_WAIT_MS, RETURN, this.#unanswered);
  }

  /** tx.commit-ok: all that passed before the commit count, as if they had just been flushed. */
  committed(sequence: number, now: number): void {
    this.#now = now;
    this.#open.take(0, sequence, COMMIT, this.#committed);
  }

  /** tx.rollback-ok: as if they had never been sent. */
  rolledBack(sequence: number): void {
    this.#open.take(0, sequence, COMMIT, this.#undone);
  }

  /**
   * The channel or connection is gone. In tx only what was under a commit that got no answer
   * (`committing`: publishes before it) is unknown; the rest was never published.
   */
  end(reason: UnknownReason, committing: number, now: number, reply: Reply = NO_REPLY): void {
    this.#open.take(0, ALL, FLUSH | RETURN | CONFIRM | REPLY, (stretch) => {
      // returned, and only the confirm is missing: definitely not routed
      if (stretch.returned) this.#outcomes.lost(stretch, 'unroutable', false, now);
      else this.#outcomes.unknown(stretch, reason, now, reply);
    });
    this.#open.take(0, committing, COMMIT, (stretch) => {
      this.#countPassed(stretch);
      this.#outcomes.unknown(stretch, reason, now, reply);
    });
    this.rolledBack(ALL);
  }

  /** The broker closed the channel, or its connection, because of a publish; `end` follows. */
  refused(reply: Reply, now: number): void {
    // what is not committed was never published
    if (this.#state.word === 'transactional' || this.#state.word === 'abandoned') return;
    const refusal = refusalOf(reply.code, reply.text);
    const before = refused(this.#open, this.#history, this.#outcomes, refusal, reply, now);
    this.barrier(before, now);
  }

  /** Whether `refused` can be about a publish of this channel. */
  mayBeRefused({ code, text }: Reply): boolean {
    const refusal = refusalOf(code, text);
    return candidates(this.#open, refusal).length > 0 || this.#history.routeOf(refusal) !== undefined;
  }

  #countPassed(stretch: Stretch<PublishTally>): void {
    let bytes = 0;
    for (let i = 0; i < stretch.count; i++) bytes += this.#open.sizeOf(stretch, i);
    countPassed(stretch.route, bytes, stretch.count);
  }
}

function countPassed({ tally, hop }: Route<PublishTally>, bodyBytes: number, count: number): void {
  tally.passed(bodyBytes, count);
  hop.passed(false, count);
}

/** A stamp of ours says when it was published; any other is the app's to choose. */
function noteNewest({ route, marks, stamp }: Pick<Stretch<PublishTally>, 'route' | 'marks' | 'stamp'>): void {
  if ((marks & SENT_ADDED) !== 0) route.watermark.reached(stamp);
}
