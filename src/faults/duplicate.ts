import { KEPT_WHOLE_BYTES, type Struck, type Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** The publish is sent twice; the app gets one confirm, the first one's. */
export class Duplicate extends MessageFault {
  strike(verdict: Verdict, { size }: Struck): boolean {
    if (size > KEPT_WHOLE_BYTES) return false;
    verdict.copies++;
    return true;
  }
}
