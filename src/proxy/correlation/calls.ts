import type { TrafficTally } from '../ports/observer.ts';
import type { CorrelationMemory } from './correlation-memory.ts';
import { Questions } from './questions.ts';
import { Requests } from './requests.ts';
import { Rounds } from './rounds.ts';
import { SharedSlots } from './shared-slots.ts';

/** Messages that belong together, as one traffic thread sees them: what apps ask and are asked, and the rounds of a message. */
export class Calls {
  readonly questions: Questions;
  readonly requests: Requests;
  readonly rounds: Rounds;

  /** `thread`: another number on each. */
  constructor(memory: CorrelationMemory, thread: number, traffic: TrafficTally) {
    this.questions = new Questions(new SharedSlots(memory.questions), new SharedSlots(memory.listeners), thread, () =>
      traffic.correlationLimited('question'),
    );
    this.rounds = new Rounds(new SharedSlots(memory.rounds));
    this.requests = new Requests(new SharedSlots(memory.requests), () => traffic.correlationLimited('request'));
  }
}
