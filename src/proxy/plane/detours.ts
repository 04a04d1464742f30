/** What can make the messages of one channel and direction go frame by frame instead of in one loop. */
const REASONS = {
  /** a message has begun and not ended: its frames are cut by chunks */
  assembling: 1,
  /** faults hold, drop, repeat or reorder what passes */
  'fault path': 2,
  /** a fault closes the channel */
  severed: 4,
  /** a basic.return waits for its header, or its body is ours to swallow */
  returning: 8,
  /** confirms of ours wait for their turn */
  answering: 16,
  /** faults hold settlements of the app */
  'settlements held': 32,
} as const;

export type DetourReason = keyof typeof REASONS;

/**
 * Whether messages of one channel and direction are plain, as far as the channel decides it: whoever has to see each
 * frame by itself says so here, and scanning asks this one question. What names and configuration decide is in
 * routing/plain.ts.
 */
export class Detours {
  #bits = 0;

  set(reason: DetourReason, on: boolean): void {
    if (on) this.#bits |= REASONS[reason];
    else this.#bits &= ~REASONS[reason];
  }

  /** Someone has to see each frame. */
  get any(): boolean {
    return this.#bits !== 0;
  }
}
