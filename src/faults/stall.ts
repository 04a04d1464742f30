import type { Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The message, and what follows it on its channel in this direction, waits until the fault ends. */
export class Stall extends MessageFault {
  strike(verdict: Verdict): boolean {
    verdict.notBefore = Math.max(verdict.notBefore, this.until);
    return true;
  }
}
