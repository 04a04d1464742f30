import type { Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The message's bytes take the time they would on a line of `rate` kilobytes (1000 bytes) per second. */
export class Bandwidth extends MessageFault {
  strike(verdict: Verdict): boolean {
    // 1000 bytes per second are one per millisecond
    const { rate = 1 } = this.attributes;
    verdict.rate = verdict.rate === 0 ? rate : Math.min(verdict.rate, rate);
    return true;
  }
}
