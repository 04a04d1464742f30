import type { Fault, Struck, Verdict } from '../proxy/ports/verdict.ts';
import type { FaultAttributes, FaultSpec } from './spec.ts';

/** What all faults of messages have in common. */
export abstract class MessageFault implements Fault {
  readonly type: string;
  readonly toxicity: number;
  readonly until: number;
  protected readonly attributes: FaultAttributes;

  /** `until`: ms of the monotonic clock. */
  constructor({ type, toxicity, attributes = {} }: FaultSpec, until: number) {
    this.type = type;
    this.toxicity = toxicity;
    this.attributes = attributes;
    this.until = until;
  }

  abstract strike(verdict: Verdict, message: Struck): boolean;
}
