import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** Smallest and largest chunk read at once: a busy connection must not be read in small pieces. */
const MIN_CHUNK_BYTES = 1024;
const MAX_CHUNK_BYTES = 64 * 1024;
const STEP = 4;
/** After so many reads in a row that would have fit into the smaller buffer it is that again. */
const SMALL_READS = 1000;
/**
 * What all buffers of a thread may take beyond the smallest, and the part of what is left of it that one may
 * take at once: a hundred busy connections read 64 KiB each, a thousand read 16 or 4, and never 128 MiB.
 */
const BUDGET_BYTES = 12 * 1024 * 1024;
const SHARE = 1 / 128;

let left = BUDGET_BYTES;

/**
 * Reads a socket into one buffer over and over, instead of Node allocating and copying one for
 * each read. Whoever hands part of a chunk to a socket that still holds it says so with `keep`.
 */
export class ChunkReader {
  /** valid until it returns, unless kept */
  onChunk: (chunk: Buffer) => void = () => {};
  #size = MIN_CHUNK_BYTES;
  #smallReads = 0;
  #kept = true;

  /** For net.connect and for a socket made of a handle. */
  readonly onread: OnReadOpts = {
    buffer: () => {
      // undefined: go on with the buffer there is; the types don't know it may be
      if (!this.#kept) return undefined as unknown as Uint8Array;
      this.#kept = false;
      return Buffer.allocUnsafeSlow(this.#size);
    },
    callback: (length, buffer) => {
      this.#fit(length);
      this.onChunk((buffer as Buffer).subarray(0, length));
      return true;
    },
  };

  /** The last chunk is still being written: the next one goes elsewhere. */
  keep(): void {
    this.#kept = true;
  }

  /** Nothing is read any more. */
  release(): void {
    this.#resize(MIN_CHUNK_BYTES);
  }

  #fit(length: number): void {
    const size = this.#size;
    if (length === size && size < MAX_CHUNK_BYTES) {
      // there was more than fits
      if (size * (STEP - 1) <= left * SHARE) this.#resize(size * STEP);
    } else if (length > size / STEP) this.#smallReads = 0;
    else if (size > MIN_CHUNK_BYTES && ++this.#smallReads === SMALL_READS) this.#resize(size / STEP);
  }

  /** For the next read. */
  #resize(size: number): void {
    left -= size - this.#size;
    this.#size = size;
    this.#smallReads = 0;
    this.#kept = true;
  }
}

const readers = new WeakMap<Socket, ChunkReader>();

/** Options for net.connect that make `chunksOf` its reader, and how to tell it the socket. */
export function reading(): { reader: ChunkReader; of(socket: Socket): void } {
  const reader = new ChunkReader();
  const of = (socket: Socket): void => {
    readers.set(socket, reader);
    socket.once('close', () => reader.release());
  };
  return { reader, of };
}

/**
 * The same TCP connection as a socket that reads into one buffer. net.Server has no such option, so
 * the handle is taken out of the accepted socket, which must not have begun to read
 * (`pauseOnConnect`). `_handle` is private to Node: without it the socket is used as it is.
 */
export function withReader(accepted: Socket): Socket {
  const holder = accepted as unknown as { _handle: unknown };
  if (holder._handle === null || typeof holder._handle !== 'object') return accepted;
  const { reader, of } = reading();
  const options = { handle: holder._handle, allowHalfOpen: true, onread: reader.onread } as SocketConstructorOpts;
  holder._handle = null;
  const socket = new Socket(options);
  // a socket made of a handle begins to read at once
  socket.pause();
  of(socket);
  return socket;
}

/** Has `onChunk` called with everything the socket reads; the socket still has to be resumed. */
export function readChunks(socket: Socket, onChunk: (chunk: Buffer) => void): { keep(): void } {
  const reader = readers.get(socket);
  if (reader === undefined) {
    // TLS, which decrypts into buffers of its own
    socket.on('data', onChunk);
    return { keep() {} };
  }
  reader.onChunk = onChunk;
  return reader;
}
