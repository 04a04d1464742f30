const PLAIN_EVERY_MS = 5_000;

/** Lines that stay, and on a terminal one below them that changes; elsewhere that one comes now and then. */
export class Terminal {
  readonly #out = process.stdout;
  #shown = '';
  #last = Date.now();

  say(line: string): void {
    if (this.#shown !== '') this.#out.write('\r\x1b[K');
    this.#out.write(`${line}\n`);
    if (this.#shown !== '') this.#out.write(this.#shown);
  }

  show(line: string): void {
    if (this.#out.isTTY) {
      this.#shown = line.slice(0, (this.#out.columns || 80) - 1);
      this.#out.write(`\r${this.#shown}\x1b[K`);
    } else if (Date.now() - this.#last >= PLAIN_EVERY_MS) {
      this.#last = Date.now();
      this.#out.write(`${line}\n`);
    }
  }

  /** Takes away the line that changes. */
  end(): void {
    if (this.#shown !== '') this.#out.write('\r\x1b[K');
    this.#shown = '';
  }
}
