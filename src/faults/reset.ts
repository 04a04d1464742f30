import type { Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';

const ENDING = { what: 'connection', how: 'reset', code: 0, text: 'fault: reset' } as const;

/** In place of being forwarded, the message has both sides of its connection reset. */
export class Reset extends MessageFault {
  strike(verdict: Verdict): boolean {
    verdict.dropped = true;
    verdict.ending = ENDING;
    return true;
  }
}
