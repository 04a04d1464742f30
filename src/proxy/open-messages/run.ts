import type { EarlierAttempt } from '../../events/passage.ts';
import type { Route } from '../routing/routes.ts';
import type { SpanDetail } from './span-detail.ts';

/** Words per message in a column of ids: trace id in words 0–3, own span id in 4–5, parent span id in 6–7. */
export const IDS = 8;

/** What is kept of few deliveries: names by which other messages name it, '' for none, and which attempt it is. */
export interface Remembered {
  readonly correlationId: string;
  readonly messageId: string;
  /** as in events/lifecycle.ts */
  readonly attempt: number;
  readonly firstPublished: number;
  readonly queuedAt: number;
  /** attempts before were told of, here or by who refused the message */
  readonly isTold: boolean;
  /** those that were not */
  readonly earlier: readonly EarlierAttempt[];
}

/**
 * One or more messages of one channel and direction that passed one behind the other and have all of
 * this in common. Scanning fills it, a tracker counts it and keeps what is open of it. It is reused: who
 * gets one copies what has to be kept.
 */
export class Run<T> {
  route!: Route<T>;
  /** when the messages were read, ms of the monotonic clock */
  time = 0;
  /** HAS_PARENT, TRACED, SAMPLED and REDELIVERED of events/passage.ts */
  passageBits = 0;
  /** of a publish: what publish-marks.ts lists; of a delivery: STREAM_READ or 0 */
  marks = 0;
  /**
   * x-tracehare-sent, microseconds since the epoch: of a publish as it goes out, of a delivery if it tells when the message
   * came into its queue; else NaN
   */
  stamp = Number.NaN;
  /** of a publish: type and value of the x-tracehare-sent that ours takes the place of; undefined: there was none */
  replaced: Uint8Array | undefined;
  /** of a first delivery, or a message that is read from a stream as it comes: seconds since its publish, else NaN */
  latency = Number.NaN;
  /** the first of them has delivery mode 2, or what it has is not known */
  isPersistent = true;
  /** what is told of each when it ends; undefined: nothing, unless it goes wrong */
  detail: SpanDetail | undefined;
  /** of a delivery; undefined: the first one, and its names are in `detail` or are not wanted */
  remembered: Remembered | undefined;
  count = 0;
  /** of all bodies together */
  bytes = 0;
  /** of the largest body */
  largest = 0;
  /** bytes of each body */
  readonly sizes: Float64Array;
  /** IDS words for each; they hold if `passageBits` says TRACED */
  readonly ids: Uint32Array;

  /** `room`: how many messages it can hold. */
  constructor(room: number) {
    this.sizes = new Float64Array(room);
    this.ids = new Uint32Array(room * IDS);
  }

  /** It holds nothing yet, of this route. */
  begin(route: Route<T>, time: number): void {
    this.route = route;
    this.time = time;
    this.clear();
  }

  /** The messages it held have been handed on; what they have in common stays. */
  clear(): void {
    this.count = this.bytes = this.largest = 0;
  }

  get isFull(): boolean {
    return this.count === this.sizes.length;
  }

  /** One more message, with so many bytes in its body. Its ids are in their place already. */
  add(size: number): void {
    this.sizes[this.count++] = size;
    this.bytes += size;
    if (size > this.largest) this.largest = size;
  }
}
