import type { Ending, Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';
import type { FaultSpec } from './spec.ts';

/** AMQP 0-9-1: the method is not allowed in the state at hand. */
const PRECONDITION_FAILED = 406;

/** In place of being forwarded, the message has its channel closed on both sides. */
export class CloseChannel extends MessageFault {
  readonly #ending: Ending;

  constructor(spec: FaultSpec, until: number) {
    super(spec, until);
    const { code = PRECONDITION_FAILED, text = 'PRECONDITION_FAILED - tracehare fault' } = this.attributes;
    this.#ending = { what: 'channel', how: 'close', code, text };
  }

  strike(verdict: Verdict): boolean {
    verdict.dropped = true;
    verdict.ending ??= this.#ending;
    return true;
  }
}
