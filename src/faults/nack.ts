import type { Struck, Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The publish is not forwarded and nacked; one whose app waits for no confirm is left alone. */
export class Nack extends MessageFault {
  strike(verdict: Verdict, { confirmed }: Struck): boolean {
    if (!confirmed) return false;
    verdict.dropped = true;
    return true;
  }
}
