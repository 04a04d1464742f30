import { readU16, readU32 } from '../../amqp/fields.ts';
import { FRAME_HEADER } from '../../amqp/spec.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';

/** The chunk at hand, as far as it has been read from a socket. */
export interface Chunk {
  bytes: Uint8Array | undefined;
  /** the same, read by word */
  view: DataView;
}

/** Before the first chunk. */
export const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
export const noChunk = (): Chunk => ({ bytes: undefined, view: NO_VIEW });

/**
 * Whether the frame behind `end` is the whole content header of `channel`, in the same chunk: then
 * a frame that must wait for its header can be remembered in place, else it has to be copied.
 */
export function headerFollows(chunk: Chunk, buf: Uint8Array, end: number, channel: number): boolean {
  if (buf !== chunk.bytes || end + 7 > buf.length) return false;
  if (buf[end] !== FRAME_HEADER || readU16(buf, end + 1) !== channel) return false;
  return end + 8 + readU32(buf, end + 3) <= buf.length;
}

/** A returned message. Its basic.return waits until its content header tells whether the app asked for it or we did. */
export interface Returning {
  route: Route<PublishTally>;
  code: number;
  reply: string;
  frame: Uint8Array;
  start: number;
  end: number;
}
