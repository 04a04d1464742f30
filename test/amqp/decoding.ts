import { FrameDecoder, type FrameVisitor } from '../../src/amqp/frames.ts';
import { type Protocol, ProtocolDetector } from '../../src/amqp/protocol.ts';

/** How a side opens: an app with a protocol header; a broker with a frame, or with a header if it refuses. */
export type Opening = 'header' | 'frame';

import { keyOf, type MethodName } from '../../src/amqp/spec.ts';
import { BODY, HEADER, METHOD, PROTOCOL } from '../../testing/wire.ts';

export const observed = new Set(
  (['connection.start-ok', 'basic.publish', 'basic.deliver', 'basic.ack', 'queue.declare'] as MethodName[]).map(keyOf),
);

export type Kind = 'method' | 'header' | 'body' | 'raw';

/** One call, or for bodies and raw bytes all that belongs together: how the bytes were cut must not matter. */
export interface Heard {
  kind: Kind;
  key?: number;
  channel?: number;
  payload?: number;
  bytes: string;
}

/** A visitor that writes everything down. */
export class Recorder implements FrameVisitor {
  readonly calls: Heard[] = [];
  readonly lostBecause: string[] = [];
  /** calls there were when framing was lost */
  callsBeforeLoss = Number.POSITIVE_INFINITY;
  bytesOut = 0;
  onCall: (count: number) => void = () => {};
  readonly #bytes: Buffer[] = [];

  #note(kind: Kind, buf: Uint8Array, start: number, end: number, more: Omit<Heard, 'kind' | 'bytes'> = {}): void {
    // a copy: it is valid until the call returns only
    const bytes = Buffer.from(buf.subarray(start, end));
    this.calls.push({ kind, ...more, bytes: bytes.toString('latin1') });
    this.#bytes.push(bytes);
    this.bytesOut += bytes.length;
    this.onCall(this.calls.length);
  }

  method(key: number, channel: number, buf: Uint8Array, start: number, end: number): void {
    this.#note('method', buf, start, end, { key, channel });
  }
  header(channel: number, buf: Uint8Array, start: number, end: number): void {
    this.#note('header', buf, start, end, { channel });
  }
  body(channel: number, payload: number, buf: Uint8Array, start: number, end: number): void {
    this.#note('body', buf, start, end, { channel, payload });
  }
  raw(buf: Uint8Array, start: number, end: number): void {
    this.#note('raw', buf, start, end);
  }
  lost(why: 'protocol' | 'frame' = 'frame'): void {
    this.lostBecause.push(why);
    this.callsBeforeLoss = this.calls.length;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#bytes);
  }

  /** Pieces put together: a body's up to its last, raw bytes that follow each other. */
  get heard(): Heard[] {
    const heard: Heard[] = [];
    for (const call of this.calls) {
      const last = heard.at(-1);
      const goesOn =
        (call.kind === 'raw' && last?.kind === 'raw') ||
        (call.kind === 'body' && last?.kind === 'body' && last.payload === -1);
      if (goesOn && last !== undefined) {
        last.bytes += call.bytes;
        if (call.payload !== undefined) last.payload = call.payload;
      } else if (call.bytes !== '') heard.push({ ...call });
    }
    return heard;
  }
}

/** What a decoder has to say of whole frames, by an independent reading of them. */
export function expected(opening: Buffer, frames: readonly Buffer[]): Heard[] {
  const heard: Heard[] = [];
  const raw = (bytes: Buffer): void => {
    const last = heard.at(-1);
    if (last?.kind === 'raw') last.bytes += bytes.toString('latin1');
    else if (bytes.length > 0) heard.push({ kind: 'raw', bytes: bytes.toString('latin1') });
  };
  raw(opening);
  for (const frame of frames) {
    const bytes = frame.toString('latin1');
    const channel = frame.readUInt16BE(1);
    if (frame[0] === METHOD && observed.has(frame.readUInt32BE(7))) {
      heard.push({ kind: 'method', key: frame.readUInt32BE(7), channel, bytes });
    } else if (frame[0] === HEADER) heard.push({ kind: 'header', channel, bytes });
    else if (frame[0] === BODY) heard.push({ kind: 'body', channel, payload: frame.length - 8, bytes });
    else raw(frame);
  }
  return heard;
}

/** Bytes a decoder may hold back when it has seen `position` bytes of these frames, and must. */
export function heldBack(opening: Buffer, frames: readonly Buffer[], position: number): number {
  let p = opening.length;
  if (position <= p) return 0;
  for (const frame of frames) {
    const have = position - p;
    if (have < frame.length) {
      if (have < 7) return have;
      if (frame[0] === BODY) return 0;
      if (frame[0] === METHOD && have >= 11 && !observed.has(frame.readUInt32BE(7))) return 0;
      return have;
    }
    p += frame.length;
  }
  return 0;
}

/** Pushes `bytes` cut at `cuts` (ascending), each piece in a buffer that is overwritten afterwards. */
export function decode(
  bytes: Buffer,
  cuts: readonly number[],
  {
    opening = 'header' as Opening,
    maxFrame = 1 << 20,
    recorder = new Recorder(),
    prepare = (_decoder: FrameDecoder): void => {},
    after = (_position: number, _recorder: Recorder, _decoder: FrameDecoder): void => {},
  } = {},
): Recorder {
  const decoder = new FrameDecoder(recorder, observed, maxFrame);
  let protocol: Protocol = new ProtocolDetector(
    opening === 'header' ? 'app' : 'broker',
    (buf, start, end) => recorder.raw(buf, start, end),
    (name) => {
      protocol = decoder;
      if (name !== 'AMQP 0-9-1') {
        recorder.lost('protocol');
        decoder.lose();
      }
      return decoder;
    },
  );
  prepare(decoder);
  const edges = [0, ...cuts, bytes.length];
  for (let i = 1; i < edges.length; i++) {
    // somewhere inside a larger buffer, as the parameters allow
    const chunk = Buffer.concat([Buffer.alloc(3, 0xce), bytes.subarray(edges[i - 1], edges[i]), Buffer.alloc(3, 0xce)]);
    protocol.push(chunk, 3, chunk.length - 3);
    chunk.fill(0xff);
    after(edges[i], recorder, decoder);
  }
  return recorder;
}

export const everyByte = (length: number): number[] => Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);

export const app = (...frames: Buffer[]): Buffer => Buffer.concat([PROTOCOL, ...frames]);
