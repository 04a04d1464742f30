import { getHeapStatistics } from 'node:v8';

/** One thing to measure: `step` does it for `messages` messages and nothing else. */
export interface Step {
  messages: number;
  /** puts the input back as it was; not timed, and must not allocate */
  before?(): void;
  step(): void;
  /** what has to happen between two steps, such as confirms; not timed */
  after?(): void;
  /** writes to sockets so far */
  writes?(): number;
}

export interface Measured {
  /** nanoseconds a message: median of twenty stretches, and the least of them */
  ns: number;
  min: number;
  /** bytes allocated on V8's heap a message */
  bytes: number;
  /** writes per step */
  writesPerChunk?: number;
}

const STRETCHES = 20;
/** messages over which allocation is taken */
const WEIGHED = 200_000;
const allocated = (): number => getHeapStatistics().total_allocated_bytes;

export function measure(step: Step, seconds: number): Measured {
  run(step, (seconds * 1e9) / 2);
  const stretches = [];
  for (let i = 0; i < STRETCHES; i++) stretches.push(run(step, (seconds * 1e9) / STRETCHES));
  stretches.sort((a, b) => a - b);
  const writes = step.writes?.() ?? 0;
  const bytes = weigh(step, WEIGHED);
  return {
    ns: (stretches[STRETCHES / 2 - 1] + stretches[STRETCHES / 2]) / 2,
    min: stretches[0],
    bytes,
    ...(step.writes && { writesPerChunk: (step.writes() - writes) / Math.ceil(WEIGHED / step.messages) }),
  };
}

/** Runs for about `ns` nanoseconds of the step alone; returns the time per message. */
function run(step: Step, ns: number): number {
  let spent = 0;
  let messages = 0;
  while (spent < ns) {
    step.before?.();
    const start = process.hrtime.bigint();
    step.step();
    spent += Number(process.hrtime.bigint() - start);
    messages += step.messages;
    step.after?.();
  }
  return spent / messages;
}

/**
 * Bytes per message on V8's heap, over at least as many messages. `before` and `after` count too,
 * because V8 accounts for allocation in blocks: a stretch must be long and without gaps.
 */
export function weigh({ before, step, after, messages }: Step, atLeast: number): number {
  let passed = 0;
  const start = allocated();
  for (; passed < atLeast; passed += messages) {
    before?.();
    step();
    after?.();
  }
  return (allocated() - start) / passed;
}
