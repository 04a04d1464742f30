import type { TrafficTally } from '../ports/observer.ts';
import type { CallMemory } from './call-memory.ts';
import { Questions } from './questions.ts';
import { Requests } from './requests.ts';
import { SharedSlots } from './shared-slots.ts';

/** Calls as one traffic thread sees them: what apps ask, and what they are asked. */
export class Calls {
  readonly questions: Questions;
  readonly requests: Requests;

  /** `thread`: another number on each. */
  constructor(memory: CallMemory, thread: number, traffic: TrafficTally) {
    this.questions = new Questions(new SharedSlots(memory.questions), new SharedSlots(memory.listeners), thread, () =>
      traffic.correlationLimited('question'),
    );
    this.requests = new Requests(new SharedSlots(memory.requests), () => traffic.correlationLimited('request'));
  }
}
