import { FRAME_BODY, FRAME_END, FRAME_HEAD, FRAME_HEADER, FRAME_OVERHEAD } from '../../amqp/spec.ts';

// Reading messages that lie whole in a chunk. Nothing here looks beyond `end`. A message that is not whole, or not as it
// should be, is left to the decoder, which tells what is wrong with it.

/** Bytes of a content-header frame with the body size and nothing behind its property flags. */
const LEAST_HEADER = FRAME_HEAD + 14 + 1;

/** The offset behind the content-header frame of channel `id` at `at`; -1: it is none, or not whole. */
export function endOfHeader(view: DataView, at: number, id: number, end: number): number {
  if (at + LEAST_HEADER > end || view.getUint8(at) !== FRAME_HEADER || view.getUint16(at + 1) !== id) return -1;
  const stop = at + view.getUint32(at + 3) + FRAME_OVERHEAD;
  return stop <= end && view.getUint8(stop - 1) === FRAME_END ? stop : -1;
}

/** The offset behind the body frames at `at`, `size` bytes in all; -1: they are not all there. */
export function endOfBody(view: DataView, at: number, id: number, size: number, end: number): number {
  let p = at;
  for (let left = size; left > 0; ) {
    if (p + FRAME_OVERHEAD > end || view.getUint8(p) !== FRAME_BODY || view.getUint16(p + 1) !== id) return -1;
    const payload = view.getUint32(p + 3);
    const stop = p + payload + FRAME_OVERHEAD;
    if (payload === 0 || payload > left || stop > end || view.getUint8(stop - 1) !== FRAME_END) return -1;
    left -= payload;
    p = stop;
  }
  return p;
}
