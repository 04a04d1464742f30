import { ConfirmTags } from './confirm-tags.ts';
import { hexOf } from './ids.ts';
import type { LossReason, PublishTally, UnknownReason } from './observer.ts';
import type { Plane } from './plane.ts';
import {
  DROPPED,
  HAS_PARENT,
  LATE,
  MANDATORY,
  type Passed,
  type PublishDetail,
  type Publishing,
  RETURN_IS_EMPTY,
  RETURNED,
  type Returned,
  SHADOW,
} from './publish.ts';
import { ACKED, detailOf, type End, FAULT, PublishEvents, ROUTED, unknown } from './publish-events.ts';
import { PublishHistory, refusalOf } from './refusal.ts';
import type { Route } from './routes.ts';
import { isShadowStamp } from './sent-stamp.ts';
import { IDS, Window } from './window.ts';

/** A mandatory publish without confirms counts as routed if no return came by then. */
export const RETURN_WAIT_MS = 1000;

export type PublishMode = 'plain' | 'confirm' | 'tx';

/**
 * The publish side of one channel: numbers each publish, keeps those whose outcome is open, and
 * ends each exactly once (DESIGN, Outcomes).
 */
export class Publishes {
  readonly #plane: Plane;
  readonly #events: PublishEvents;
  readonly #open: Window<PublishTally, PublishDetail>;
  mode: PublishMode = 'plain';
  /** publishes seen on this channel */
  sequence = 0;
  /**
   * Publishes seen before confirm.select or tx.select: up to here only returns and the flush
   * decide, and the broker's delivery tag 1 is the one after these.
   */
  #plainUntil = Number.POSITIVE_INFINITY;
  /** the confirms were selected by us; the app may still select its own */
  #shadow = false;
  /** publishes seen before the app's own confirm.select: its delivery tag 1 is the one after these */
  #appFrom = Number.POSITIVE_INFINITY;
  /** the app set mandatory itself, at least once */
  #asksForReturns = false;
  readonly #history = new PublishHistory();
  /** publishes that no confirm will come of, less those the broker counts twice: what its tags lag behind by */
  #behind = 0;
  /** while that is not the same for all that await a confirm */
  #tags: ConfirmTags | undefined;
  /** publishes to be sent after later ones */
  #deferred = 0;
  /** confirms that the app must not hear of yet, by sequence: ms of the monotonic clock */
  readonly #hidden = new Map<number, number>();
  #withheld: { tag: number; ack: boolean; until: number }[] = [];
  readonly #answer: (tag: number, ack: boolean) => void;
  /** where the last return was found: they come in publish order */
  #returnCursor = 0;
  /** the channel or connection was closed: what the app still sends there is discarded */
  discarded: UnknownReason | undefined;

  /** `answer` tells the app of a confirm in its own numbers. */
  constructor(plane: Plane, connection: number, channel: number, answer: (tag: number, ack: boolean) => void) {
    this.#plane = plane;
    this.#answer = answer;
    this.#events = new PublishEvents(plane, connection, channel);
    this.#open = new Window(plane.options.windowPerChannel);
  }

  /** Open publishes: what a drain waits for, and a sweep looks at. */
  get open(): number {
    return this.#open.size;
  }

  /** The app's confirm.select or tx.select: what it publishes from now on is under it. */
  select(mode: 'confirm' | 'tx'): void {
    // a second select answers select-ok and does not reset the count
    if (mode === 'confirm' && this.#appFrom === Number.POSITIVE_INFINITY) this.#appFrom = this.sequence;
    if (this.mode !== 'plain') return;
    this.mode = mode;
    this.#plainUntil = this.sequence;
  }

  /** We select confirms ahead of a publish. */
  shadowConfirms(): void {
    this.select('confirm');
    this.#appFrom = Number.POSITIVE_INFINITY;
    this.#shadow = true;
  }

  /** Confirms were selected by us: tx.select will fail. */
  get isShadowed(): boolean {
    return this.#shadow;
  }

  /** Publishes that only we await a confirm for. */
  get awaitsShadow(): boolean {
    if (!this.#shadow || this.#open.size === 0) return false;
    const first = this.#open.first(this.#plainUntil + 1);
    return first >= 0 && first <= this.#appFrom;
  }

  /** The app waits for confirms of its own. */
  get appConfirms(): boolean {
    return this.mode === 'confirm' && this.#appFrom !== Number.POSITIVE_INFINITY;
  }

  /** The broker's confirms can't be passed on as they are: `confirmedApart` answers each. */
  get answersApart(): boolean {
    return this.#tags !== undefined;
  }

  /** The tag under which the app knows the broker's confirm `tag`, or -1: the confirm is ours alone. */
  appTag(tag: number): number {
    if (!this.#shadow && this.#behind === 0) return tag;
    if (this.#appFrom === Number.POSITIVE_INFINITY) return -1;
    if (tag === 0) return 0;
    const translated = tag + this.#plainUntil + this.#behind - this.#appFrom;
    return translated > 0 ? translated : -1;
  }

  /**
   * The last byte of a publish passed towards the broker. Returns true if its outcome is the flush
   * of the socket. `apart`: the confirms of this channel can't be passed on as they come;
   * `deferred`: others are sent before it, and `sent` tells when it is.
   */
  passed(publish: Publishing, apart = false, deferred = false): boolean {
    if (this.#tags !== undefined) this.#rejoin();
    if (apart) this.#diverge();
    const sequence = ++this.sequence;
    if (deferred) this.#deferred++;
    else this.#tags?.sent(sequence);
    if ((publish.bits & (MANDATORY | SHADOW)) === MANDATORY) this.#asksForReturns = true;
    this.#history.goesTo(publish.route);
    if (this.mode !== 'tx') countPassed(publish.route, publish.size);
    if (this.discarded !== undefined) {
      // what no commit will follow was never published
      if (this.mode === 'tx') return false;
      publish.route.tally.unknown(this.discarded);
      this.#events.ended(publish, this.#number(sequence), publish.time, unknown(this.discarded, 0, ''));
      return false;
    }
    if (this.mode === 'plain' && (publish.bits & MANDATORY) === 0) {
      this.#history.assumed(publish.route, publish.size);
      return true;
    }
    if (this.#keep(publish, sequence, publish.bits)) return false;
    this.#history.assumed(publish.route, publish.size);
    // all that is left to go by; without it a confirmed publish stays without an outcome
    return this.mode === 'plain';
  }

  /** Its outcome is open. False if there is no room to remember it. */
  #keep(publish: Publishing, sequence: number, bits: number): boolean {
    const open = this.#open;
    const slot = open.add(sequence);
    if (slot < 0) {
      this.#plane.observer.traffic.unobserved('window_full');
      return false;
    }
    open.routes[slot] = publish.route;
    open.times[slot] = publish.time;
    open.stamps[slot] = publish.stamp;
    open.sizes[slot] = publish.size;
    open.bits[slot] = bits;
    open.details[slot] = publish.detail;
    for (let i = 0; i < IDS; i++) open.ids[slot * IDS + i] = publish.ids[i];
    return true;
  }

  /** A publish is not going the way of its channel: from here on tags are kept one by one, until they agree again. */
  #diverge(): void {
    if (this.mode !== 'confirm' || this.#tags !== undefined) return;
    const base = this.#plainUntil + this.#behind;
    this.#tags = new ConfirmTags(this.sequence - base + 1);
    for (let n = this.#open.first(this.#plainUntil + 1); n >= 0; n = this.#open.first(n + 1)) {
      this.#tags.awaits(n - base, n);
    }
  }

  #rejoin(): void {
    const tags = this.#tags as ConfirmTags;
    if (!tags.isSettled || this.#deferred > 0 || this.#withheld.length > 0) return;
    this.#behind = this.sequence - this.#plainUntil - (tags.next - 1);
    this.#tags = undefined;
  }

  /** One that was deferred is sent now. */
  sent(sequence: number): void {
    this.#deferred--;
    this.#tags?.sent(sequence);
  }

  /** The publish before is sent once more: the broker's confirm of that is nobody's. */
  repeated(): void {
    this.#tags?.sent(0);
  }

  /** The app hears of the confirm of `sequence` at `until`, ms of the monotonic clock, at the earliest. */
  hide(sequence: number, until: number): void {
    if (this.#tags !== undefined) this.#hidden.set(sequence, until);
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

  /** The last byte of a publish came that is not forwarded: lost. `tell`: an app that waits for its confirm gets a nack. */
  dropped(publish: Publishing, tell: boolean, now: number): void {
    if (this.#tags !== undefined) this.#rejoin();
    this.#diverge();
    const sequence = ++this.sequence;
    const { route } = publish;
    if (this.mode === 'tx') {
      if (this.discarded === undefined) this.#keep(publish, sequence, publish.bits | DROPPED);
      return;
    }
    route.tally.passed(publish.size);
    if (this.discarded !== undefined) {
      route.tally.unknown(this.discarded);
      this.#events.ended(publish, this.#number(sequence), publish.time, unknown(this.discarded, 0, ''));
      return;
    }
    route.tally.lost('fault', (now - publish.time) / 1000);
    const detail = publish.detail ?? { ...detailOf(publish.ids, 0, publish.bits), fault: publish.fault };
    const { time, size } = publish;
    this.#events.ended({ route, detail, time, size }, this.#number(sequence), now, FAULT);
    if (tell && sequence > this.#appFrom) this.#answer(sequence - this.#appFrom, false);
  }

  /** `confirmed`, where the app is told of each publish by itself. */
  confirmedApart(tag: number, multiple: boolean, ack: boolean, now: number): void {
    for (const sequence of this.#tags?.take(tag, multiple) ?? []) {
      if (sequence === 0) continue;
      const slot = this.#open.take(sequence);
      if (slot >= 0) {
        this.#confirmOne(slot, sequence, ack, now);
        this.#open.release(slot);
      }
      const until = this.#hidden.get(sequence) ?? 0;
      this.#hidden.delete(sequence);
      if (!(sequence > this.#appFrom)) continue;
      if (until > now) this.#withheld.push({ tag: sequence - this.#appFrom, ack, until });
      else this.#answer(sequence - this.#appFrom, ack);
    }
  }

  /** basic.ack or basic.nack of the broker. */
  confirmed(tag: number, multiple: boolean, ack: boolean, now: number): void {
    if (multiple) {
      // tag 0 with multiple means all so far; brokers don't send it, but the specification has it
      const last = tag === 0 ? this.sequence : tag + this.#plainUntil + this.#behind;
      this.#open.takeUpTo(last, (slot, sequence) => this.#confirmOne(slot, sequence, ack, now));
      return;
    }
    const sequence = tag + this.#plainUntil + this.#behind;
    const slot = this.#open.take(sequence);
    if (slot < 0) return;
    this.#confirmOne(slot, sequence, ack, now);
    this.#open.release(slot);
  }

  #confirmOne(slot: number, sequence: number, ack: boolean, now: number): void {
    const confirmed = sequence > this.#plainUntil;
    if (confirmed) this.#route(slot).tally.confirmed((now - this.#open.times[slot]) / 1000);
    if (!ack) this.#lost(slot, sequence, 'nacked', now, true);
    else if ((this.#open.bits[slot] & RETURNED) !== 0) this.#lost(slot, sequence, 'unroutable', now, true);
    else this.#succeeded(slot, sequence, now, confirmed ? ACKED : ROUTED);
  }

  /**
   * basic.return. Identity is the sequence, what it carries only finds it. Returns the publish's
   * bits; if its outcome was already counted, LATE and whether it was us who asked (SHADOW).
   */
  returned(message: Returned, now: number): number {
    const { route, ids, code, reply } = message;
    const sequence = this.#findReturned(message);
    if (sequence < 0) {
      if (!route.answers) {
        this.#lostLate(route, 'unroutable', route.routingKey, ids === undefined ? '' : hexOf(ids, 0, 4), now);
      }
      return LATE | (this.#wasShadow(message) ? SHADOW : 0);
    }
    const slot = this.#open.find(sequence);
    const bits = this.#open.bits[slot];
    this.#returnCursor = sequence + 1;
    if ((bits & RETURN_IS_EMPTY) !== 0) return bits;
    const detail = this.#open.details[slot] ?? detailOf(this.#open.ids, slot * IDS, bits);
    detail.replyCode = code;
    detail.replyText = reply;
    this.#open.details[slot] = detail;
    if (sequence <= this.#plainUntil) {
      this.#open.take(sequence);
      this.#lost(slot, sequence, 'unroutable', now, false);
      this.#open.release(slot);
    } else {
      // decided by the confirm or the commit that follows
      this.#open.bits[slot] = bits | RETURNED;
    }
    return bits;
  }

  /** Of a return whose publish is no longer known: whether the app never asked for it. */
  #wasShadow({ route, stamp }: Returned): boolean {
    if (!this.#asksForReturns) return true;
    return route.treatment.propagate && !Number.isNaN(stamp) && isShadowStamp(stamp);
  }

  #findReturned({ route, ids, stamp, size }: Returned): number {
    const open = this.#open;
    const matches = (n: number): boolean => {
      const slot = open.find(n);
      if (slot < 0 || (open.bits[slot] & (MANDATORY | RETURNED)) !== MANDATORY) return false;
      const sent = open.routes[slot] as Route<PublishTally>;
      // a table of routes that overflowed made this one anew
      if (sent !== route && !(sent.exchange === route.exchange && sent.routingKey === route.routingKey)) return false;
      if (open.sizes[slot] !== size) return false;
      if (Number.isNaN(stamp) ? !Number.isNaN(open.stamps[slot]) : open.stamps[slot] !== stamp) return false;
      return ids === undefined || sameContext(ids, open.ids, slot * IDS, (open.bits[slot] & HAS_PARENT) !== 0);
    };
    for (let n = open.first(this.#returnCursor); n >= 0; n = open.first(n + 1)) if (matches(n)) return n;
    for (let n = open.first(); n >= 0 && n < this.#returnCursor; n = open.first(n + 1)) if (matches(n)) return n;
    return -1;
  }

  /**
   * A synchronous reply to a request sent when `sequence` publishes had passed: the returns of all
   * of those have come (FACTS D), so what is still open without confirms was routed.
   */
  barrier(sequence: number, now: number): void {
    if (this.#open.size === 0) return;
    this.#open.takeUpTo(Math.min(sequence, this.#plainUntil), (slot, n) => this.#succeeded(slot, n, now, ROUTED));
  }

  /** Mandatory publishes without confirms that waited long enough for a return. */
  sweep(now: number): void {
    const open = this.#open;
    for (let n = open.first(); n >= 0 && n <= this.#plainUntil; n = open.first(n + 1)) {
      const slot = open.find(n);
      if (now - open.times[slot] < RETURN_WAIT_MS) return;
      open.take(n);
      this.#history.assumed(open.routes[slot] as Route<PublishTally>, open.sizes[slot]);
      this.#succeeded(slot, n, now, ROUTED);
      open.release(slot);
    }
  }

  /** tx.commit-ok: all that passed before the commit count, as if they had just been flushed. */
  committed(sequence: number, now: number): void {
    this.#open.takeUpTo(sequence, (slot, n) => {
      countPassed(this.#route(slot), this.#open.sizes[slot]);
      if ((this.#open.bits[slot] & RETURNED) !== 0) this.#lost(slot, n, 'unroutable', now, false);
      else if ((this.#open.bits[slot] & DROPPED) !== 0) this.#lost(slot, n, 'fault', now, false);
      else this.#succeeded(slot, n, now, ROUTED);
    });
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
    if (this.mode === 'tx') {
      const end = unknown(reason, code, reply);
      this.#open.takeUpTo(this.#plainUntil, (slot, n) => this.#unknown(slot, n, reason, now, end));
      this.#open.takeUpTo(committing, (slot, n) => {
        countPassed(this.#route(slot), this.#open.sizes[slot]);
        this.#unknown(slot, n, reason, now, end);
      });
      this.rolledBack(this.sequence);
      return;
    }
    const end = unknown(reason, code, reply);
    this.#open.takeUpTo(this.sequence, (slot, n) => {
      // returned, and only the confirm is missing: definitely not routed
      if ((this.#open.bits[slot] & RETURNED) !== 0) this.#lost(slot, n, 'unroutable', now, false);
      else this.#unknown(slot, n, reason, now, end);
    });
  }

  /** A plain publish whose last byte the kernel took. */
  flushed(publish: Passed, sequence: number, now: number): void {
    publish.route.tally.succeeded((now - publish.time) / 1000);
    this.#events.ended(publish, this.#number(sequence), now, ROUTED);
  }

  /** A plain publish that was still in our hands when the connection ended. */
  unflushed(publish: Passed, sequence: number, now: number): void {
    publish.route.tally.unknown('connection_lost');
    this.#events.ended(publish, this.#number(sequence), now, unknown('connection_lost', 0, ''));
  }

  /**
   * The broker closed the channel because of a publish (`reply` is channel.close's). Exactly one
   * publish is lost by it, and those behind it were discarded: which one is known if it is the only
   * one of which the broker can speak. The rest stays open, for `end`.
   */
  refused(code: number, reply: string, now: number): void {
    const refusal = refusalOf(code, reply);
    if (refusal === undefined || this.mode === 'tx') return;
    const { reason, exchange, size } = refusal;
    const open = this.#open;
    const fits = (n: number): boolean => {
      const slot = open.find(n);
      return exchange === undefined ? open.sizes[slot] === size : open.routes[slot]?.exchange === exchange;
    };
    const candidates: number[] = [];
    for (let n = open.first(); n >= 0; n = open.first(n + 1)) if (fits(n)) candidates.push(n);
    if (candidates.length === 0) {
      const route = this.#history.routeOf(refusal);
      if (route !== undefined) this.#lostLate(route, reason, '', '', now);
      return;
    }
    const n = candidates[0];
    if (this.#history.isCertain(refusal, candidates.length)) {
      const slot = open.take(n);
      this.#lost(slot, n, reason, now, false, code, reply);
      open.release(slot);
      return;
    }
    const keys = new Set(candidates.map((each) => open.routes[open.find(each)]?.routingKey));
    const slot = open.take(n);
    const route = open.routes[slot] as Route<PublishTally>;
    // one of several: counted, but the span of this one must not claim to be it
    route.tally.lost(reason, (now - open.times[slot]) / 1000);
    route.hop.lost();
    this.#events.lost(route, reason, keys.size === 1 ? route.routingKey : '', '', now);
    if (open.details[slot] !== undefined) this.#ended(slot, n, now, unknown('channel_error', code, reply));
    open.release(slot);
  }

  #lostLate(route: Route<PublishTally>, reason: LossReason, routingKey: string, traceId: string, now: number): void {
    if (reason === 'unroutable' && route.treatment.unroutableExpected) {
      route.tally.unroutedAsExpected();
      return;
    }
    route.tally.lostLate(reason);
    route.hop.lost();
    this.#events.lost(route, reason, routingKey, traceId, now);
  }

  /** As the app knows it: its delivery tag, if it selected confirms. */
  #number(sequence: number): number {
    return sequence > this.#appFrom ? sequence - this.#appFrom : sequence;
  }

  #route(slot: number): Route<PublishTally> {
    return this.#open.routes[slot] as Route<PublishTally>;
  }

  #succeeded(slot: number, sequence: number, now: number, end: End): void {
    this.#route(slot).tally.succeeded((now - this.#open.times[slot]) / 1000);
    if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, now, end);
  }

  #lost(
    slot: number,
    sequence: number,
    reason: LossReason,
    now: number,
    confirmed: boolean,
    code = 0,
    reply = '',
  ): void {
    const route = this.#open.routes[slot] as Route<PublishTally>;
    if (reason === 'unroutable' && route.treatment.unroutableExpected) {
      route.tally.unroutedAsExpected();
      if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, now, confirmed ? ACKED : ROUTED);
      return;
    }
    route.tally.lost(reason, (now - this.#open.times[slot]) / 1000);
    route.hop.lost();
    this.#ended(slot, sequence, now, { outcome: 'failed', reason, confirmed, code, reply });
  }

  #unknown(slot: number, sequence: number, reason: UnknownReason, now: number, end: End): void {
    this.#route(slot).tally.unknown(reason);
    if (this.#open.details[slot] !== undefined) this.#ended(slot, sequence, now, end);
  }

  #ended(slot: number, sequence: number, now: number, end: End): void {
    const open = this.#open;
    const detail = open.details[slot] ?? detailOf(open.ids, slot * IDS, open.bits[slot]);
    const route = open.routes[slot] as Route<PublishTally>;
    const publish = { route, detail, time: open.times[slot], size: open.sizes[slot] };
    this.#events.ended(publish, this.#number(sequence), now, end);
  }
}

function countPassed({ tally, hop }: Route<PublishTally>, bodyBytes: number): void {
  tally.passed(bodyBytes);
  hop.passed(false);
}

/** The returned message's context against an open publish's: its own span if we started it, else its parent. */
function sameContext(returned: Uint32Array, ids: Uint32Array, at: number, hasParent: boolean): boolean {
  for (let i = 0; i < 4; i++) if (returned[i] !== ids[at + i]) return false;
  const span = at + (hasParent ? 6 : 4);
  return returned[6] === ids[span] && returned[7] === ids[span + 1];
}
