import type { Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The publish is not forwarded. An app that waits for its confirm gets a nack: the truth. */
export class Drop extends MessageFault {
  strike(verdict: Verdict): boolean {
    verdict.dropped = true;
    return true;
  }
}
