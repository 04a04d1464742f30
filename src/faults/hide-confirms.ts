import type { Struck, Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The app hears of the publish's confirm when the fault ends; our own figures have it at once. */
export class HideConfirms extends MessageFault {
  strike(verdict: Verdict, { confirmed }: Struck): boolean {
    if (!confirmed) return false;
    verdict.confirmHiddenUntil = this.until;
    return true;
  }
}
