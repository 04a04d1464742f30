import type { Socket } from 'node:net';
import { readU32 } from '../amqp/fields.ts';
import { FRAME_HEAD, FRAME_OVERHEAD } from '../amqp/spec.ts';

/** Where a frame's size stands. */
const SIZE_AT = 3;

/** Counts the frames that a socket reads, for whoever waits for so many. */
export class FrameCount {
  #rest: Buffer = Buffer.alloc(0);
  #unread = 0;
  #wanted = 0;
  #there: () => void = () => {};

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** Resolves when so many more frames have come whole. */
  come(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = count;
      this.#there = resolve;
      this.#tell();
    });
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + FRAME_HEAD <= bytes.length) {
      const end = at + FRAME_OVERHEAD + readU32(bytes, at + SIZE_AT);
      if (end > bytes.length) break;
      this.#unread++;
      at = end;
    }
    this.#rest = bytes.subarray(at);
    this.#tell();
  }

  #tell(): void {
    if (this.#wanted === 0 || this.#unread < this.#wanted) return;
    this.#unread -= this.#wanted;
    this.#wanted = 0;
    this.#there();
  }
}
