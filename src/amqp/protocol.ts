import { FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, PROTOCOL_HEADER } from './spec.ts';
import { OPENING } from './stranger.ts';

/** What reads one direction of a connection, in order. Whatever it is given comes out again, to whoever it tells of it. */
export interface Protocol {
  /** Reads bytes, valid until it returns. Returns where it stopped: `end`, or behind a message at which `stop` was called. */
  push(buf: Uint8Array, start: number, end: number): number;
  /** Nothing is handed on behind the message at hand until the next `push`. */
  stop(): void;
  /** The side it comes from has ended: what waited for more comes out as it is. */
  end(): void;
}

export type ProtocolName = 'AMQP 0-9-1' | 'AMQP 1.0' | 'unknown';

/** What an app opens with: the name, then a protocol id, major, minor, revision. AMQP 1.0 has ids for plain, TLS and SASL. */
const AMQP = PROTOCOL_HEADER.subarray(0, 4);
const FRAME_TYPES: ReadonlySet<number> = new Set([FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT]);
const IDS_OF_1_0: ReadonlySet<number> = new Set([0, 2, 3]);

/**
 * What a connection speaks, by the first `length` bytes of its app or its broker; undefined: more is needed to tell. A
 * broker of AMQP 0-9-1 opens with a frame, one that refuses with a header of its own.
 */
export function detect(opening: Uint8Array, length: number, by: 'app' | 'broker'): ProtocolName | undefined {
  if (length === 0) return undefined;
  if (by === 'broker') return FRAME_TYPES.has(opening[0]) ? 'AMQP 0-9-1' : 'unknown';
  for (let i = 0; i < Math.min(length, AMQP.length); i++) if (opening[i] !== AMQP[i]) return 'unknown';
  if (length < PROTOCOL_HEADER.length) return undefined;
  if (PROTOCOL_HEADER.every((byte, i) => byte === opening[i])) return 'AMQP 0-9-1';
  const [id, major, minor, revision] = opening.subarray(AMQP.length, PROTOCOL_HEADER.length);
  return IDS_OF_1_0.has(id) && major === 1 && minor === 0 && revision === 0 ? 'AMQP 1.0' : 'unknown';
}

/**
 * The first protocol of each direction: passes bytes on until they tell what is spoken, and hands the rest to whom it is
 * given for that, with the first bytes there are of it.
 */
export class ProtocolDetector implements Protocol {
  readonly #by: 'app' | 'broker';
  readonly #passOn: (buf: Uint8Array, start: number, end: number) => void;
  readonly #choose: (name: ProtocolName, opening: Uint8Array) => Protocol;
  readonly #opening = new Uint8Array(PROTOCOL_HEADER.length);
  #length = 0;

  constructor(
    by: 'app' | 'broker',
    passOn: (buf: Uint8Array, start: number, end: number) => void,
    choose: (name: ProtocolName, opening: Uint8Array) => Protocol,
  ) {
    this.#by = by;
    this.#passOn = passOn;
    this.#choose = choose;
  }

  push(buf: Uint8Array, start: number, end: number): number {
    let p = start;
    let name: ProtocolName | undefined;
    while (p < end && name === undefined) {
      this.#opening[this.#length++] = buf[p++];
      name = detect(this.#opening, this.#length, this.#by);
    }
    // what it opens with comes in one piece but from a peer that dribbles
    const whole = p - start === this.#length;
    const opening = whole
      ? buf.subarray(start, Math.min(end, start + OPENING))
      : this.#opening.subarray(0, this.#length);
    // what a broker opens with is its first frame already
    if (this.#by === 'broker') p = start;
    this.#passOn(buf, start, p);
    return name === undefined ? p : this.#choose(name, opening).push(buf, p, end);
  }

  stop(): void {}

  end(): void {}
}
