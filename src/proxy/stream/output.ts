import { copyBytes, copyWords, NO_BYTES } from '../../amqp/bytes.ts';
import type { ContentHeader } from '../../amqp/content.ts';
import type { HeaderEdit } from '../ports/interceptor.ts';

const INITIAL = 128 * 1024;
/** Up to so many unchanged bytes are copied word by word (bench/micro.ts). */
const SHORT = 512;

/** Where changed chunks are put together; one per thread, replaced when a socket keeps it. */
export class Scratch {
  bytes!: Buffer;
  /** the same bytes */
  view!: DataView;

  constructor() {
    this.renew(INITIAL);
  }

  renew(size: number): void {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** A socket holds on to the bytes written last: the next chunk gets others. */
  handOver(): void {
    this.renew(this.bytes.length);
  }
}

/**
 * What goes out for one chunk that came in, as one write: the chunk itself while nothing was changed, else a
 * copy with the changes in it. Concatenated or corked pieces cost more (docs/broker-facts.md#one-write-for-each-chunk).
 */
export class Output {
  readonly #scratch: Scratch;
  #chunk: Uint8Array | undefined;
  #view: DataView | undefined;
  /** unchanged bytes that are not copied yet: a part of this buffer */
  #run: Uint8Array | undefined;
  #start = 0;
  #end = 0;
  /** bytes in the scratch buffer */
  #length = 0;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /** What follows belongs to this chunk, which stays as it is until `take`; `view` is of the same bytes. */
  begin(chunk: Uint8Array, view: DataView): void {
    this.#chunk = chunk;
    this.#view = view;
  }

  /** These bytes pass as they are. */
  keep(buf: Uint8Array, start: number, end: number): void {
    if (this.#run === buf && this.#end === start) {
      this.#end = end;
      return;
    }
    this.#settleRun();
    this.#run = buf;
    this.#start = start;
    this.#end = end;
    // bytes the decoder carried over are overwritten by the next it must carry
    if (buf !== this.#chunk) this.#settleRun();
  }

  /** The content-header frame last read, with an interceptor's changes. */
  splice(header: ContentHeader, edit: HeaderEdit): void {
    if (edit.remove !== 0) {
      this.#spliced(header, edit.remove, edit.entries, edit.added, false);
      return;
    }
    // nothing to take away: the frame stays part of the run, with one insertion
    const { buf, start, end, tableEnd } = header;
    const at = this.open(buf, start, header, edit.added);
    copyWords(edit.view, 0, edit.added, this.view, at);
    this.enter(header, edit.added);
    this.keep(buf, tableEnd, end);
  }

  /** Where bytes lie that are added in place. */
  get view(): DataView {
    return this.#scratch.view;
  }

  /**
   * These bytes pass from `start` to the end of the app's entries in the content-header frame last
   * read. Returns where in `view` to write more entries, at most `room` bytes; `enter` follows.
   */
  open(buf: Uint8Array, start: number, header: ContentHeader, room: number): number {
    const end = header.tableEnd;
    if (this.#run === undefined && buf === this.#chunk && end - start <= SHORT) {
      this.#reserve(end - start + room + 4);
      this.#length = copyWords(this.#view as DataView, start, end, this.#scratch.view, this.#length);
    } else {
      this.keep(buf, start, end);
      this.#settleRun();
      this.#reserve(room + 4);
    }
    return header.hasTable ? this.#length : this.#length + 4;
  }

  /** `added` bytes of entries were written where `open` said: what follows in `buf` is for `keep`, or for the next `open`. */
  enter(header: ContentHeader, added: number): void {
    header.patch(this.#scratch.view, this.#length, added);
    this.#length += header.hasTable ? added : added + 4;
  }

  /** The content-header frame last read, without some observed headers (addedHeaders). */
  strip(header: ContentHeader, { remove, dropTable }: { remove: number; dropTable: boolean }): void {
    this.#spliced(header, remove, NO_BYTES, 0, dropTable);
  }

  /** Bytes of our own. */
  add(bytes: Uint8Array): void {
    this.#settleRun();
    this.#reserve(bytes.length);
    this.#scratch.bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * All of it, or undefined if there is nothing; starts anew. Whether it lies in the scratch
   * buffer matters to whoever writes it: `scratched`.
   */
  take(): { bytes: Uint8Array; scratched: boolean } | undefined {
    const run = this.#run;
    if (this.#length === 0) {
      if (run === undefined) return undefined;
      this.#run = undefined;
      const isWhole = this.#start === 0 && this.#end === run.length;
      return { bytes: isWhole ? run : run.subarray(this.#start, this.#end), scratched: false };
    }
    this.#settleRun();
    const bytes = this.#scratch.bytes.subarray(0, this.#length);
    this.#length = 0;
    return { bytes, scratched: true };
  }

  #spliced(header: ContentHeader, remove: number, entries: Uint8Array, added: number, dropTable: boolean): void {
    this.#settleRun();
    this.#reserve(header.splicedSize(remove, added, dropTable));
    this.#length = header.splice(this.#scratch.bytes, this.#length, remove, entries, added, dropTable);
  }

  #settleRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    const size = this.#end - this.#start;
    this.#reserve(size);
    const { bytes, view } = this.#scratch;
    this.#length =
      size <= SHORT && run === this.#chunk && this.#view !== undefined
        ? copyWords(this.#view, this.#start, this.#end, view, this.#length)
        : copyBytes(run, this.#start, this.#end, bytes, this.#length);
  }

  #reserve(size: number): void {
    const { bytes } = this.#scratch;
    if (this.#length + size <= bytes.length) return;
    this.#scratch.renew(Math.max(bytes.length * 2, this.#length + size));
    this.#scratch.bytes.set(bytes.subarray(0, this.#length));
  }
}
