import { NullSocket } from '../../testing/plane-rig.ts';

/** A socket that leads nowhere, but is paused, slow and ended as one of Node's is. */
export class ScannedSocket extends NullSocket {
  /** all that was written, in order */
  readonly written: Buffer[] = [];
  #isPaused = false;
  #unread: Uint8Array[] = [];

  override write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.destroyed) return true;
    if (!this.writableEnded && bytes.length > 0) this.written.push(Buffer.from(bytes));
    return super.write(bytes, written);
  }

  /** The kernel takes all there is, and is no longer slow. */
  takeAll(): void {
    this.isSlow = false;
    this.writableLength = 0;
    for (const told of this.waiting.splice(0)) told();
    this.emit('drain');
  }

  override receive(chunk: Uint8Array): void {
    if (this.destroyed) return;
    this.#unread.push(chunk);
    this.#read();
  }

  #read(): void {
    while (!this.#isPaused && !this.destroyed) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) return;
      super.receive(chunk);
    }
  }

  override pause(): this {
    this.#isPaused = true;
    return this;
  }

  override resume(): this {
    this.#isPaused = false;
    // as in Node not before whoever resumes it has done
    queueMicrotask(() => this.#read());
    return this;
  }

  override end(): this {
    this.writableEnded = true;
    return this;
  }

  override destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    queueMicrotask(() => this.emit('close'));
    return this;
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  destroySoon(): void {
    this.end();
    this.destroy();
  }
}
