import { vi } from 'vitest';

/** Lets all that was put off until the end of a turn happen. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 8; i++) await null;
}

interface Timer {
  due: number;
  go(): void;
  unref(): void;
}

/**
 * Time that passes when it is told to. Between two timers there is a turn, as there is in Node: what one
 * resumes is read before the next one.
 */
export class ToldTime {
  now = 1_800_000_000_000;
  #timers = new Set<Timer>();

  constructor() {
    const set = (go: () => void, ms = 0): Timer => {
      const timer = { due: this.now + ms, go, unref() {} };
      this.#timers.add(timer);
      return timer;
    };
    const clear = (timer: Timer): boolean => this.#timers.delete(timer);
    vi.stubGlobal('setTimeout', set);
    vi.stubGlobal('clearTimeout', clear);
    vi.stubGlobal('setImmediate', (go: () => void) => set(go));
    vi.stubGlobal('clearImmediate', clear);
    const random = seeded();
    vi.spyOn(Math, 'random').mockImplementation(random);
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.now = Math.max(this.now, next.due);
      next.go();
      await turn();
    }
    this.now = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= end && !(timer.due >= (first?.due ?? Infinity))) first = timer;
    return first;
  }

  /** Node's time again, and its chance. */
  end(): void {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  }
}

/** The same chance in every pass. */
function seeded(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
