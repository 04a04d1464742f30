import type { Struck, Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The delivery's handler seems to block: its settlement, and what its app sends behind it on the channel, comes later. */
export class HoldSettlements extends MessageFault {
  strike(verdict: Verdict, { awaitsSettlement }: Struck): boolean {
    if (!awaitsSettlement) return false;
    const { latency = Number.POSITIVE_INFINITY, jitter = 0 } = this.attributes;
    const delay = Math.max(0, latency + jitter * (2 * Math.random() - 1));
    verdict.settlement = { delay, until: this.until };
    return true;
  }
}
