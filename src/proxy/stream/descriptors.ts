import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/** What a dial fails with when it is our own limit that keeps it from the broker. */
export class OutOfDescriptors extends Error {
  constructor() {
    super('out of file descriptors');
    this.name = 'OutOfDescriptors';
  }
}

/** Descriptors that look-ups under way may hold for a moment: the four that run at once read a few files each. */
const HELD_BY_LOOK_UPS = 16;

/**
 * Whether this failed because the process, or the machine, has no file descriptor left. A look-up of a name then
 * fails as if there were no such name, so we try to open a file ourselves. Others may have held the last ones when it
 * failed and have let go of them by now: with a few left it is still the limit that it met.
 */
export function isOutOfDescriptors(error: unknown): boolean {
  if (isTheirCode(error)) return true;
  if ((error as NodeJS.ErrnoException).syscall !== 'getaddrinfo') return false;
  const tried: number[] = [];
  try {
    while (tried.length < HELD_BY_LOOK_UPS) tried.push(openSync(devNull, 'r'));
    return false;
  } catch (failure) {
    return isTheirCode(failure);
  } finally {
    for (const descriptor of tried) closeSync(descriptor);
  }
}

const isTheirCode = (error: unknown): boolean =>
  ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * One descriptor in reserve, given up when it is the last. Where none is left, the system closes what it accepts
 * without a word to anybody: with one, a connection is accepted, lacks another for its broker, and is counted.
 */
export class SpareDescriptor {
  #held: number | undefined = open();

  /** After a descriptor was taken. */
  check(): void {
    const another = open();
    if (another !== undefined && this.#held === undefined) this.#held = another;
    else if (another !== undefined) closeSync(another);
    else this.release();
  }

  release(): void {
    if (this.#held !== undefined) closeSync(this.#held);
    this.#held = undefined;
  }
}

function open(): number | undefined {
  try {
    return openSync(devNull, 'r');
  } catch {
    return undefined;
  }
}
