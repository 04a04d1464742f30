import { setTimeout as sleep } from 'node:timers/promises';

/** After as long at work it pauses: a slice of the scheduler's is longer. */
const SLICE_MS = 1;
/** Who compresses and who reads what was written needs a core as well, and the messages two or three. */
const PAUSE_MS = 3;
/** From then on pauses are short: whoever scrapes has a timeout. */
const UNHURRIED_MS = 1000;
const SHORT_PAUSE_MS = 1;

/** Spreads the work for one scrape over time: the broker's and the traffic's threads may need this one's core. */
export class Pace {
  readonly #began = performance.now();
  #since = this.#began;

  /** Call between two pieces of work, the shorter the better. */
  async keep(): Promise<void> {
    const now = performance.now();
    if (now - this.#since < SLICE_MS) return;
    await sleep(now - this.#began < UNHURRIED_MS ? PAUSE_MS : SHORT_PAUSE_MS);
    this.#since = performance.now();
  }
}
