import type { Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

/** Holds the message for `latency`, give or take up to `jitter`; what follows on its channel stays behind it. */
export class Latency extends MessageFault {
  strike(verdict: Verdict): boolean {
    const { latency = 0, jitter = 0 } = this.attributes;
    verdict.delay += Math.max(0, latency + jitter * (2 * Math.random() - 1));
    return true;
  }
}
