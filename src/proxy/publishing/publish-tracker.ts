import { AwaitingReturn } from '../open-messages/awaiting-return.ts';
import { FlushTimes } from '../open-messages/flush-times.ts';
import { IDS, type Passed, Window } from '../open-messages/window.ts';
import type { Plane } from '../plane/plane.ts';
import type { PublishTally, UnknownReason } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { PublishHistory } from './broker-refusal.ts';
import { ConfirmsApart } from './confirm-translator.ts';
import { DROPPED, MANDATORY, type Publishing, RETURNED, type Returned } from './publish.ts';
import { ACKED, ROUTED, unknown } from './publish-events.ts';
import { PublishNumbers } from './publish-numbers.ts';
import { PublishOutcomes } from './publish-outcomes.ts';
import { refused } from './refused-publish.ts';
import { Returns } from './returns.ts';

/** A mandatory publish without confirms counts as routed if no return came for so long after its flush. */
const RETURN_WAIT_MS = 1000;

/** How a publish goes on a channel that a fault has struck. */
interface FaultedWay {
  /** the confirms of this channel can't be passed on as they come */
  apart: boolean;
  /** others are sent before it */
  overtaken: boolean;
}

/**
 * The publish side of one channel: numbers each publish, keeps those whose outcome is open, and
 * ends each exactly once (DESIGN, Outcomes).
 */
export class Publishes {
  readonly numbers = new PublishNumbers();
  readonly apart: ConfirmsApart;
  readonly #plane: Plane;
  readonly #limit: number;
  /** those without confirms and without more to tell than their ids */
  readonly #awaiting: AwaitingReturn;
  /** all others */
  readonly #open: Window<PublishTally>;
  /** of those without confirms */
  readonly #flushes = new FlushTimes();
  readonly #outcomes: PublishOutcomes;
  readonly #returns: Returns;
  readonly #history = new PublishHistory();
  /** the channel or connection was closed: what the app still sends there is discarded */
  discarded: UnknownReason | undefined;

  /** `answer` tells the app of a confirm in its own numbers. */
  constructor(plane: Plane, connection: number, channel: number, answer: (tag: number, ack: boolean) => void) {
    this.#plane = plane;
    this.#limit = plane.options.windowPerChannel;
    this.#awaiting = new AwaitingReturn(this.#limit);
    this.#open = new Window(this.#limit);
    this.#outcomes = new PublishOutcomes(plane, connection, channel, this.#open, this.numbers);
    this.#returns = new Returns(this.#open, this.#awaiting, this.#flushes, this.#outcomes, this.numbers);
    this.apart = new ConfirmsApart(this.numbers, this.#open, answer);
  }

  /** Open publishes: what a drain waits for, and a sweep looks at. */
  get open(): number {
    return this.#open.size + this.#awaiting.size;
  }

  /** Publishes that only we await a confirm for. */
  get awaitsShadow(): boolean {
    const { isShadowed, plainUntil, appFrom } = this.numbers;
    if (!isShadowed || this.#open.size === 0) return false;
    const first = this.#open.first(plainUntil + 1);
    return first >= 0 && first <= appFrom;
  }

  /**
   * The last byte of a publish passed towards the broker. Returns true if its outcome is the flush
   * of the socket; else `written` is to be called when it is written. `way`: what it goes by, if faults may hold it.
   */
  passed(publish: Publishing, way?: FaultedWay): boolean {
    const { numbers } = this;
    if (this.apart.isOn) this.apart.endIfSettled();
    if (way?.apart) this.apart.begin();
    const sequence = ++numbers.sequence;
    if (way?.overtaken) {
      this.apart.deferred();
      if (numbers.mode === 'plain') this.#flushes.overtaken(sequence);
    } else this.apart.sent(sequence);
    this.#returns.passed(publish.bits);
    this.#history.goesTo(publish.route);
    if (numbers.mode !== 'tx') countPassed(publish.route, publish.size);
    if (this.discarded !== undefined) {
      // what no commit will follow was never published
      if (numbers.mode !== 'tx') this.#outcomes.unsent(publish, sequence, this.discarded, publish.time);
      return false;
    }
    if (numbers.mode === 'plain' && (publish.bits & MANDATORY) === 0) {
      this.#history.assumed(publish.route, publish.size);
      return true;
    }
    if (this.#keep(publish, sequence, publish.bits, publish.ids, way === undefined)) return false;
    this.#history.assumed(publish.route, publish.size);
    // all that is left to go by; without it a confirmed publish stays without an outcome
    return numbers.mode === 'plain';
  }

  /** Publishes can be passed one after the other by `goes` and `went`. */
  get goStraight(): boolean {
    return this.numbers.mode !== 'tx' && !this.apart.isOn && this.discarded === undefined;
  }

  /** `passed` for one of several of a route, which `went` counts; `ids`: its own, as TraceContext.ids. */
  goes(publish: Publishing, ids: Uint32Array): boolean {
    const { numbers } = this;
    const sequence = ++numbers.sequence;
    const isPlain = numbers.mode === 'plain';
    if (isPlain && (publish.bits & MANDATORY) === 0) return true;
    if (this.#keep(publish, sequence, publish.bits, ids)) return false;
    this.#history.assumed(publish.route, publish.size);
    return isPlain;
  }

  /** `bits`: of all of them together; `largest`: of their bodies. */
  went(route: Route<PublishTally>, count: number, bytes: number, bits: number, largest: number): void {
    this.#returns.passed(bits);
    this.#history.goesTo(route);
    countPassed(route, bytes, count);
    if (this.numbers.mode === 'plain' && (bits & MANDATORY) === 0) this.#history.assumed(route, largest);
  }

  /**
   * The publishes up to `sequence`, or just that one if others overtook it, were written to the socket.
   * True if `writtenOut` must be called once the kernel has taken all of it.
   */
  written(sequence: number): boolean {
    return sequence <= this.numbers.plainUntil && this.open > 0 && this.#flushes.written(sequence);
  }

  /** The kernel took all that was written. */
  writtenOut(now: number): void {
    this.#awaiting.seal();
    this.#flushes.flushed(now);
  }

  /** Its outcome is open. False if there is no room to remember it. `straight`: it is written with its neighbours. */
  #keep(publish: Publishing, sequence: number, bits: number, ids = publish.ids, straight = true): boolean {
    if (this.open < this.#limit) {
      // a sampled one has more to tell
      if (this.numbers.mode === 'plain' && publish.detail === undefined && straight) {
        if (this.#awaiting.add(publish, sequence, ids)) return true;
      } else if (this.#remember(publish, sequence, bits, ids)) return true;
    }
    this.#plane.observer.traffic.unobserved('window_full');
    return false;
  }

  #remember(publish: Publishing, sequence: number, bits: number, ids: Uint32Array): boolean {
    const open = this.#open;
    const slot = open.add(sequence);
    if (slot < 0) return false;
    open.routes[slot] = publish.route;
    open.times[slot] = publish.time;
    open.stamps[slot] = publish.stamp;
    open.sizes[slot] = publish.size;
    open.bits[slot] = bits;
    if (publish.detail !== undefined) open.details[slot] = publish.detail;
    for (let i = 0, at = slot * IDS; i < IDS; i++) open.ids[at + i] = ids[i];
    return true;
  }

  /** The last byte of a publish came that is not forwarded: lost. `tell`: an app that waits for its confirm gets a nack. */
  dropped(publish: Publishing, tell: boolean, now: number): void {
    this.apart.endIfSettled();
    this.apart.begin();
    const sequence = ++this.numbers.sequence;
    if (this.numbers.mode === 'tx') {
      if (this.discarded === undefined) this.#keep(publish, sequence, publish.bits | DROPPED);
      return;
    }
    publish.route.tally.passed(publish.size);
    if (this.discarded !== undefined) {
      this.#outcomes.unsent(publish, sequence, this.discarded, publish.time);
      return;
    }
    this.#outcomes.dropped(publish, sequence, now);
    if (tell) this.apart.nack(sequence);
  }

  /** basic.ack or basic.nack of the broker. */
  confirmed(tag: number, multiple: boolean, ack: boolean, now: number): void {
    if (multiple) {
      // tag 0 with multiple means all so far; brokers don't send it, but the specification has it
      const last = tag === 0 ? this.numbers.sequence : this.numbers.sequenceOf(tag);
      this.#routed(Math.min(last, this.numbers.plainUntil), now);
      this.#open.takeUpTo(last, (slot, sequence) => this.#confirmOne(slot, sequence, ack, now));
    } else this.#confirm(this.numbers.sequenceOf(tag), ack, now);
    this.#outcomes.count();
  }

  /** `confirmed`, where the app is told of each publish by itself. */
  confirmedApart(tag: number, multiple: boolean, ack: boolean, now: number): void {
    for (const sequence of this.apart.take(tag, multiple)) {
      if (sequence === 0) continue;
      this.#confirm(sequence, ack, now);
      this.apart.confirmed(sequence, ack, now);
    }
    this.#outcomes.count();
  }

  #confirm(sequence: number, ack: boolean, now: number): void {
    // before the channel's first confirmed publish there is nothing to confirm
    if (sequence <= this.numbers.plainUntil) return;
    const slot = this.#open.take(sequence);
    if (slot < 0) return;
    this.#confirmOne(slot, sequence, ack, now);
    this.#open.release(slot);
  }

  #confirmOne(slot: number, sequence: number, ack: boolean, now: number): void {
    if (ack && (this.#open.bits[slot] & RETURNED) === 0) {
      this.#outcomes.succeeded(slot, sequence, now, ACKED);
      return;
    }
    this.#route(slot).tally.confirmed((now - this.#open.times[slot]) / 1000);
    this.#outcomes.lost(slot, sequence, ack ? 'unroutable' : 'nacked', now, true);
  }

  /**
   * basic.return. Returns the publish's bits; if its outcome was already counted, those of them that can
   * still be known.
   */
  returned(message: Returned, now: number): number {
    return this.#returns.returned(message, now);
  }

  /** Of those without confirms, up to `last`: no return can come any more. */
  #routed(last: number, now: number, isAssumed = false): void {
    const flushes = this.#flushes;
    this.#awaiting.takeUpTo(last, (run) => {
      if (isAssumed) this.#history.assumed(run.route, run.largest);
      this.#outcomes.flushed(run.route, run.time, run.count, flushes.of(run.last, now));
    });
    this.#open.takeUpTo(last, (slot, n) => {
      if (isAssumed) this.#history.assumed(this.#route(slot), this.#open.sizes[slot]);
      this.#outcomes.succeeded(slot, n, flushes.of(n, now), ROUTED);
    });
    this.#outcomes.count();
    flushes.forget(last);
  }

  /**
   * A synchronous reply to a request sent when `sequence` publishes had passed: the returns of all
   * of those have come (FACTS D), so what is still open without confirms was routed.
   */
  barrier(sequence: number, now: number): void {
    if (this.open > 0) this.#routed(Math.min(sequence, this.numbers.plainUntil), now);
  }

  /** Mandatory publishes without confirms that waited long enough for a return. */
  sweep(now: number): void {
    const last = this.#flushes.lastAt(now - RETURN_WAIT_MS);
    if (last > 0) this.#routed(last, now, true);
  }

  /** tx.commit-ok: all that passed before the commit count, as if they had just been flushed. */
  committed(sequence: number, now: number): void {
    this.#open.takeUpTo(sequence, (slot, n) => {
      countPassed(this.#route(slot), this.#open.sizes[slot]);
      if ((this.#open.bits[slot] & RETURNED) !== 0) this.#outcomes.lost(slot, n, 'unroutable', now, false);
      else if ((this.#open.bits[slot] & DROPPED) !== 0) this.#outcomes.lost(slot, n, 'fault', now, false);
      else this.#outcomes.succeeded(slot, n, now, ROUTED);
    });
    this.#outcomes.count();
  }

  /** tx.rollback-ok: as if they had never been sent. */
  rolledBack(sequence: number): void {
    this.#open.takeUpTo(sequence, () => {});
  }

  /**
   * The channel or connection is gone. In tx only what was under a commit that got no answer
   * (`committing`: publishes before it) is unknown; the rest was never published.
   */
  end(reason: UnknownReason, committing: number, now: number, code = 0, reply = ''): void {
    const end = unknown(reason, code, reply);
    this.#awaiting.takeUpTo(this.numbers.sequence, ({ route, count }) => route.tally.unknown(reason, count));
    const flushes = this.#flushes;
    if (this.numbers.mode === 'tx') {
      this.#open.takeUpTo(this.numbers.plainUntil, (slot, n) =>
        this.#outcomes.unknown(slot, n, reason, flushes.of(n, now), end),
      );
      this.#open.takeUpTo(committing, (slot, n) => {
        countPassed(this.#route(slot), this.#open.sizes[slot]);
        this.#outcomes.unknown(slot, n, reason, now, end);
      });
      this.rolledBack(this.numbers.sequence);
      return;
    }
    this.#open.takeUpTo(this.numbers.sequence, (slot, n) => {
      // returned, and only the confirm is missing: definitely not routed
      if ((this.#open.bits[slot] & RETURNED) !== 0) this.#outcomes.lost(slot, n, 'unroutable', now, false);
      else this.#outcomes.unknown(slot, n, reason, flushes.of(n, now), end);
    });
  }

  /** Plain publishes whose last byte the kernel took. */
  flushed(route: Route<PublishTally>, time: number, count: number, _bytes: number, now: number): void {
    this.#outcomes.flushed(route, time, count, now);
  }

  tell(publish: Passed<PublishTally>, sequence: number, now: number): void {
    this.#outcomes.tell(publish, sequence, now);
  }

  /** A plain publish that was still in our hands when the connection ended. */
  unflushed(publish: Passed<PublishTally>, sequence: number, now: number): void {
    this.#outcomes.unsent(publish, sequence, 'connection_lost', now);
  }

  /** The broker closed the channel because of a publish; `end` follows. */
  refused(code: number, reply: string, now: number): void {
    if (this.numbers.mode !== 'tx')
      refused(this.#open, this.#awaiting, this.#flushes, this.#history, this.#outcomes, code, reply, now);
  }

  #route(slot: number): Route<PublishTally> {
    return this.#open.routes[slot] as Route<PublishTally>;
  }
}

function countPassed({ tally, hop }: Route<PublishTally>, bodyBytes: number, count = 1): void {
  tally.passed(bodyBytes, count);
  hop.passed(false, count);
}
