import { KEPT_WHOLE_BYTES, type Struck, type Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

const DISTANCE = 5;
const WAIT_MS = 1000;

/** Up to `distance` later publishes of the channel overtake this one, if they come within `wait`. */
export class Reorder extends MessageFault {
  strike(verdict: Verdict, { size }: Struck): boolean {
    if (size > KEPT_WHOLE_BYTES) return false;
    const { distance = DISTANCE, wait = WAIT_MS } = this.attributes;
    verdict.overtakenBy = 1 + Math.floor(Math.random() * distance);
    verdict.overtakingFor = wait;
    return true;
  }
}
