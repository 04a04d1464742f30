import { NO_BITS, NO_FLOATS, NO_WORDS } from '../../amqp/bytes.ts';
import type { Route } from '../routing/routes.ts';
import { IDS, type Remembered } from './run.ts';
import type { SpanDetail } from './span-detail.ts';

/** What the open messages of a run have in common, a row for each run; rows are used as a ring. */
export class RunColumns<T> {
  readonly routes: (Route<T> | undefined)[];
  readonly details: (SpanDetail | undefined)[];
  readonly replaced: (Uint8Array | undefined)[];
  readonly remembered: (Remembered | undefined)[];
  readonly times: Float64Array;
  /** when the kernel had taken them, ms of the monotonic clock; NaN: not yet; Infinity: a fault holds them back */
  readonly flushed: Float64Array;
  readonly stamps: Float64Array;
  readonly latencies: Float64Array;
  /** number of the first message, and the one behind the last */
  readonly firsts: Float64Array;
  readonly ends: Float64Array;
  /** where the first message lies among all messages */
  readonly positions: Float64Array;
  /** open messages, and how many of these were returned */
  readonly counts: Uint32Array;
  readonly returned: Uint32Array;
  readonly largest: Float64Array;
  readonly marks: Uint16Array;
  readonly passageBits: Uint16Array;
  readonly awaits: Uint16Array;
  readonly mask: number;

  /** `length`: a power of two, or 0 for a channel that has not needed any yet. */
  constructor(length: number) {
    const floats = (): Float64Array => (length === 0 ? NO_FLOATS : new Float64Array(length));
    const words = (): Uint32Array => (length === 0 ? NO_WORDS : new Uint32Array(length));
    const bits = (): Uint16Array => (length === 0 ? NO_BITS : new Uint16Array(length));
    // of their full length from the start: V8 has one way to store in such an array, and another for one that grows
    const objects = <O>(): (O | undefined)[] => new Array<O | undefined>(length).fill(undefined);
    this.routes = objects();
    this.details = objects();
    this.replaced = objects();
    this.remembered = objects();
    this.times = floats();
    this.flushed = floats();
    this.stamps = floats();
    this.latencies = floats();
    this.firsts = floats();
    this.ends = floats();
    this.positions = floats();
    this.counts = words();
    this.returned = words();
    this.largest = floats();
    this.marks = bits();
    this.passageBits = bits();
    this.awaits = bits();
    this.mask = length - 1;
  }

  get length(): number {
    return this.mask + 1;
  }

  /** A row is not in use any more: what it held on to may go. */
  free(row: number): void {
    this.routes[row] = undefined;
    if (this.details[row] !== undefined) this.details[row] = undefined;
    if (this.replaced[row] !== undefined) this.replaced[row] = undefined;
    if (this.remembered[row] !== undefined) this.remembered[row] = undefined;
  }

  /** All of a row but where its messages lie and how many are open. */
  copy(from: RunColumns<T>, row: number, to: number): void {
    this.routes[to] = from.routes[row];
    this.details[to] = from.details[row];
    this.replaced[to] = from.replaced[row];
    this.remembered[to] = from.remembered[row];
    this.times[to] = from.times[row];
    this.flushed[to] = from.flushed[row];
    this.stamps[to] = from.stamps[row];
    this.latencies[to] = from.latencies[row];
    this.largest[to] = from.largest[row];
    this.marks[to] = from.marks[row];
    this.passageBits[to] = from.passageBits[row];
    this.awaits[to] = from.awaits[row];
  }
}

/** A message of a run that is no longer open, is open, or is open and was returned. */
export const GONE = 0;
export const OPEN = 1;
export const RETURNED = 2;

/** What each message has for itself, a row for each; rows are used as a ring. */
export class MessageColumns {
  readonly sizes: Float64Array;
  readonly states: Uint8Array;
  readonly ids: Uint32Array;
  readonly mask: number;

  /** `length`: as of RunColumns. */
  constructor(length: number) {
    this.sizes = length === 0 ? NO_FLOATS : new Float64Array(length);
    this.states = new Uint8Array(length);
    this.ids = length === 0 ? NO_WORDS : new Uint32Array(length * IDS);
    this.mask = length - 1;
  }

  get length(): number {
    return this.mask + 1;
  }
}
