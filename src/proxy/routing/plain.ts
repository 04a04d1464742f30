import type { Treatment } from './treatment.ts';

/**
 * For each thing that configuration can say of messages: whether it asks for more than counting, tracing and adding
 * headers, so that each frame has to be looked at. A new one does not compile before it has answered here.
 */
const ASKS_FOR_MORE: { [K in keyof Treatment]-?: (said: Treatment[K]) => boolean } = {
  topic: () => false,
  pipeline: () => false,
  propagate: () => false,
  loss: () => false,
  unroutableExpected: () => false,
  deadLetters: () => false,
  fanout: () => false,
  sample: () => false,
  headers: () => false,
  // the decoder stops behind the message that comes too fast
  rateLimit: (limit) => limit !== undefined,
  faults: (faults) => faults !== undefined,
  mayStrike: (mayStrike) => mayStrike,
  // each message's header decides on its treatment
  byMessage: (byMessage) => byMessage !== undefined,
};

/** Nothing but counting, tracing and headers is to be done with messages that are treated so. */
export function isPlain(treatment: Treatment): boolean {
  const keys = Object.keys(ASKS_FOR_MORE) as (keyof Treatment)[];
  return !keys.some((key) => (ASKS_FOR_MORE[key] as (said: unknown) => boolean)(treatment[key]));
}
