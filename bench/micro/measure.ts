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
  /** nanoseconds a message: of the median step, and of the quickest twentieth */
  ns: number;
  min: number;
  /** bytes allocated on V8's heap a message */
  bytes: number;
  /** writes per step */
  writesPerChunk?: number;
}

/** ns; what takes longer waited for the processor */
const MOST_OF_A_STEP = 1e6;
/** messages over which allocation is taken */
const WEIGHED = 200_000;
const allocated = (): number => getHeapStatistics().total_allocated_bytes;

export function measure(step: Step, seconds: number): Measured {
  run(step, (seconds * 1e9) / 2);
  const times = run(step, seconds * 1e9).sort((a, b) => a - b);
  const writes = step.writes?.() ?? 0;
  const bytes = weigh(step, WEIGHED);
  return {
    ns: times[times.length >> 1],
    min: times[Math.floor(times.length / 20)],
    bytes,
    ...(step.writes && { writesPerChunk: (step.writes() - writes) / Math.ceil(WEIGHED / step.messages) }),
  };
}

/**
 * Runs for about `ns` nanoseconds of the step alone; returns the time per message of each. A step takes less than a slice
 * of the scheduler: on a machine that is busy with other things, those that were not interrupted are as quick as ever.
 */
function run(step: Step, ns: number): number[] {
  const times = [];
  for (let spent = 0; spent < ns; ) {
    step.before?.();
    const start = process.hrtime.bigint();
    step.step();
    const took = Number(process.hrtime.bigint() - start);
    step.after?.();
    spent += Math.min(took, MOST_OF_A_STEP);
    times.push(took / step.messages);
  }
  return times;
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
