import type { Ending, Verdict } from '../proxy/ports/verdict.ts';
import { MessageFault } from './message-fault.ts';
import type { FaultSpec } from './spec.ts';

/** AMQP 0-9-1: an operator closed the connection. */
const CONNECTION_FORCED = 320;

/** In place of being forwarded, the message has its connection closed, in order, on both sides. */
export class CloseConnection extends MessageFault {
  readonly #ending: Ending;

  constructor(spec: FaultSpec, until: number) {
    super(spec, until);
    const { code = CONNECTION_FORCED, text = 'CONNECTION_FORCED - tracehare fault' } = this.attributes;
    this.#ending = { what: 'connection', how: 'close', code, text };
  }

  strike(verdict: Verdict): boolean {
    verdict.dropped = true;
    verdict.ending ??= this.#ending;
    return true;
  }
}
