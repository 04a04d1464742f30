import type { TrafficTally } from './observer.ts';

/** Messages larger than this are not kept whole to be sent again or later. */
export const KEPT_WHOLE_BYTES = 1 << 20;

/** What faults want done to one message. Reused: `clear` before each. */
export class Verdict {
  /** of the faults that struck, separated by commas; '' when none did */
  types = '';
  /** not forwarded; an app that waits for a confirm gets a nack */
  dropped = false;
  /** how often it is sent once more */
  copies = 0;
  /** ms until it may leave */
  delay = 0;
  /** ms of the monotonic clock: not before */
  notBefore = 0;
  /** bytes per ms; 0: as fast as they come */
  rate = 0;
  /** messages of its channel that may overtake it, and ms it waits for them at most */
  overtakenBy = 0;
  overtakingFor = 0;
  /** ms of the monotonic clock until which the app hears nothing of its confirm */
  confirmHiddenUntil = 0;
  /** how long its settlement by the app is held; undefined: not at all */
  settlement: SettlementHold | undefined;
  ending: Ending | undefined;

  clear(): void {
    this.types = '';
    this.dropped = false;
    this.copies = this.delay = this.notBefore = this.rate = 0;
    this.overtakenBy = this.overtakingFor = this.confirmHiddenUntil = 0;
    this.settlement = undefined;
    this.ending = undefined;
  }
}

/** What a fault can go by. */
export interface Struck {
  /** the app waits for a confirm of this publish */
  confirmed: boolean;
  /** of the body */
  size: number;
  /** a delivery that its app is to settle */
  awaitsSettlement: boolean;
}

/** A settlement is held for `delay` ms from when the app sends it, and not beyond `until`, ms of the monotonic clock. */
export interface SettlementHold {
  delay: number;
  until: number;
}

/** How a message takes its connection or channel with it. A close has a reply code and text. */
export interface Ending {
  what: 'connection' | 'channel';
  how: 'reset' | 'close';
  code: number;
  text: string;
}

/** One fault of one rule, as it is on this thread. */
export interface Fault {
  readonly type: string;
  /** probability with which it strikes a message */
  readonly toxicity: number;
  /** ms of the monotonic clock at which it ends by itself; Infinity: never */
  readonly until: number;
  /** False when it has nothing to do with this message: then it did not strike. */
  strike(verdict: Verdict, message: Struck): boolean;
}

/** Asks every fault of a route about the message at hand. */
export function judge(
  faults: readonly Fault[],
  verdict: Verdict,
  message: Struck,
  now: number,
  traffic: TrafficTally,
): void {
  verdict.clear();
  for (const fault of faults) {
    if (now >= fault.until || (fault.toxicity < 1 && Math.random() >= fault.toxicity)) continue;
    if (!fault.strike(verdict, message)) continue;
    verdict.types = verdict.types === '' ? fault.type : `${verdict.types},${fault.type}`;
    traffic.faultInjected(fault.type);
  }
}
