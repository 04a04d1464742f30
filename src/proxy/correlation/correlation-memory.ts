import { randomFillSync } from 'node:crypto';

// How the memory of a table of SharedSlots is divided, in words: its own, a lock for each bucket, the slots.

/** Two words with which keys begin: others in each process, so that nobody can choose keys that share a bucket. */
export const SEED = 0;
export const USED = 2;
export const LOCKS = 16;
export const BUCKETS = 2048;
/** Slots of one bucket: a key is in one of them or nowhere. */
export const PLACES = 4;
/** Words of a slot. */
export const WORDS = 16;
const BYTES = 4 * (LOCKS + BUCKETS + BUCKETS * PLACES * WORDS);

/** What all traffic threads know of messages: a question and its answer, and two rounds of a message, may take different ones. */
export interface CorrelationMemory {
  readonly questions: SharedArrayBuffer;
  readonly listeners: SharedArrayBuffer;
  readonly requests: SharedArrayBuffer;
  readonly rounds: SharedArrayBuffer;
}

/** Four tables of 512 KiB, of which what is not used costs nothing. */
export const correlationMemory = (): CorrelationMemory => ({
  questions: memory(),
  listeners: memory(),
  requests: memory(),
  rounds: memory(),
});

function memory(): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(BYTES);
  randomFillSync(new Int32Array(shared, 0, USED));
  return shared;
}
