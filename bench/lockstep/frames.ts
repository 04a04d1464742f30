import { FRAME_END, PROTOCOL } from '../../testing/wire.ts';

const HEAD = 7;

/** Cuts what a socket brings into whole frames, and fails on anything that is none. */
export class FrameStream {
  readonly #frame: (buf: Buffer, start: number, end: number) => void;
  readonly #opened: (() => void) | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** `opened`: it begins with a protocol header, which calls this. */
  constructor(frame: (buf: Buffer, start: number, end: number) => void, opened?: () => void) {
    this.#frame = frame;
    this.#opened = opened;
    this.#awaitsProtocol = opened !== undefined;
  }

  #awaitsProtocol: boolean;

  push(chunk: Buffer): void {
    const buf = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let p = 0;
    if (this.#awaitsProtocol && buf.length >= PROTOCOL.length) {
      if (!buf.subarray(0, PROTOCOL.length).equals(PROTOCOL)) throw new Error('no protocol header of AMQP 0-9-1');
      this.#awaitsProtocol = false;
      p = PROTOCOL.length;
      this.#opened?.();
    }
    while (!this.#awaitsProtocol && buf.length - p >= HEAD) {
      const end = p + buf.readUInt32BE(p + 3) + HEAD + 1;
      if (end > buf.length) break;
      if (buf[end - 1] !== FRAME_END) throw new Error(`no frame end behind a frame of type ${buf[p]}`);
      this.#frame(buf, p, end);
      p = end;
    }
    // what is read may be read over: a copy
    this.#rest = p === buf.length ? Buffer.alloc(0) : Buffer.from(buf.subarray(p));
  }
}
