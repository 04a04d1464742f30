import process from 'node:process';

const ALTERNATE = '\x1b[?1049h\x1b[?25l';
const BACK = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** A whole terminal that is drawn again and again. However it ends, the terminal is as it was. */
export class Screen {
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  #open = false;

  /** `key` hears keys but Ctrl-C, which ends the process. */
  constructor(key: (key: string) => void, resized: () => void) {
    this.#onKey = key;
    this.#onResize = resized;
  }

  open(): void {
    this.#open = true;
    process.stdout.write(ALTERNATE);
    process.on('exit', this.#restore);
    // a signal alone would leave the terminal as it is
    process.once('SIGINT', () => process.exit(0));
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
    process.stdout.on('resize', this.#onResize);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true);
    process.stdin.setEncoding('utf8').on('data', (typed) => {
      for (const key of String(typed)) {
        // raw mode has no signals
        if (key === '\x03') process.exit(0);
        this.#onKey(key);
      }
    });
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  /** As many of the lines as there is room for, in place of those before; without flicker, for nothing is cleared first. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const shown = lines.slice(0, this.rows).map((line) => `${line}${CLEAR_LINE}`);
    process.stdout.write(`${HOME}${shown.join('\r\n')}${CLEAR_BELOW}`);
  }

  readonly #restore = (): void => {
    if (!this.#open) return;
    this.#open = false;
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdout.write(BACK);
  };
}
