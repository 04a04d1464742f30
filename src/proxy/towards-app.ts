import type { FrameVisitor } from '../amqp/frames.ts';
import { keyOf, type MethodName, methods } from '../amqp/spec.ts';
import type { Channel } from './channel.ts';
import type { DeliveryDetail } from './deliveries.ts';
import type { Flushing } from './flushing.ts';
import { type Chunk, headerFollows, type Returning } from './held-frame.ts';
import { SENT, TRACEPARENT } from './interceptor.ts';
import type { DeliveryTally, PublishTally } from './observer.ts';
import type { Output } from './output.ts';
import type { Pacing } from './pacing.ts';
import { LATE, SHADOW } from './publish.ts';
import { addedHeaders, readReturn } from './publish-content.ts';
import type { Route } from './routes.ts';
import type { Session } from './session.ts';

const RETURN = keyOf('basic.return');
const ACK = keyOf('basic.ack');
const NACK = keyOf('basic.nack');
const NOTHING_ADDED = { remove: 0, dropTable: false };
const CHANNEL_CLOSE = keyOf('channel.close');
const CHANNEL_CLOSE_OK = keyOf('channel.close-ok');
const CONNECTION_CLOSE = keyOf('connection.close');
const CONNECTION_CLOSE_OK = keyOf('connection.close-ok');

/** What still tells an outcome when nothing is forwarded any more. */
const OUTCOMES: ReadonlySet<number> = new Set([ACK, NACK, RETURN, CONNECTION_CLOSE_OK]);

/** Methods a broker sends that are looked at. */
export const observedFromBroker: ReadonlySet<number> = new Set(
  (Object.keys(methods) as MethodName[])
    .filter((name) => !/^(connection\.(secure|update|start|tune)|channel\.(flow|open))/.test(name))
    .map(keyOf),
);

/** Who decides how a connection ends, frame by frame. */
export interface Endings {
  /** A frame ended: now our own connection.close can go to the app. */
  frameEnded(): void;
  /** Confirms came in, or never will: a close that waited for them can go. */
  confirmed(): void;
  /** connection.close-ok of the broker: true if it answers our close. */
  brokerClosed(): boolean;
}

/** Follows the broker's frames and lets them through, without our headers in returns. */
export class TowardsApp implements FrameVisitor {
  readonly #session: Session;
  readonly #output: Output;
  readonly #flushing: Flushing<DeliveryTally, DeliveryDetail>;
  readonly #drain: Endings;
  readonly #pacing: Pacing;
  readonly #lost: (why: 'protocol' | 'frame') => void;
  #lastReturned: Route<PublishTally> | undefined;
  /** our connection.close went to the app: nothing follows it, but outcomes still count */
  muted = false;
  /** of the chunk at hand, ms of the monotonic clock */
  now = 0;
  readonly chunk: Chunk = { bytes: undefined };

  constructor(
    session: Session,
    output: Output,
    flushing: Flushing<DeliveryTally, DeliveryDetail>,
    drain: Endings,
    pacing: Pacing,
    lost: (why: 'protocol' | 'frame') => void,
  ) {
    this.#session = session;
    this.#output = output;
    this.#flushing = flushing;
    this.#drain = drain;
    this.#pacing = pacing;
    this.#lost = lost;
  }

  /** The plane has another configuration. */
  reconfigured(): void {
    this.#lastReturned = undefined;
  }

  method(key: number, id: number, buf: Uint8Array, start: number, end: number): void {
    let forward = true;
    // a delivery that nobody is there for is none
    if (this.muted && !OUTCOMES.has(key)) return;
    try {
      if (id !== 0) forward = this.#channelMethod(key, id, buf, start, end);
      else if (key === CONNECTION_CLOSE) {
        this.#session.close('broker', buf, start, end, this.now);
        this.#drain.confirmed();
      } else if (key === CONNECTION_CLOSE_OK) {
        forward = !this.#drain.brokerClosed();
        this.#session.closed(this.now);
      } else this.#session.fromBroker(key, buf, start, end, this.now);
    } catch (error) {
      this.#session.plane.failed(error);
    }
    if (forward) this.#keep(buf, start, end);
    this.#drain.frameEnded();
  }

  #channelMethod(key: number, id: number, buf: Uint8Array, start: number, end: number): boolean {
    const session = this.#session;
    if (key === ACK || key === NACK) {
      const forward = session.channel(id)?.confirm(key === ACK, buf, start, end, this.now) ?? true;
      this.#drain.confirmed();
      return forward;
    }
    if (key === RETURN) return this.#return(id, buf, start, end);
    if (key === CHANNEL_CLOSE) {
      session.closeChannel('broker', id, buf, start, end, this.now);
      this.#drain.confirmed();
    } else if (key === CHANNEL_CLOSE_OK) session.channelClosed('broker', id, this.now);
    else session.channel(id)?.fromBroker(key, buf, start, end, this.now);
    return true;
  }

  /** False: the frame waits for its header. */
  #return(id: number, buf: Uint8Array, start: number, end: number): boolean {
    const { plane } = this.#session;
    const channel = this.#session.channel(id);
    if (channel === undefined) return true;
    this.#release(channel);
    const { code, reply, key, keyEnd } = readReturn(buf, start, end);
    const route = plane.publishRoutes(this.#session).find(buf, key, keyEnd, this.#lastReturned);
    this.#lastReturned = route;
    const held = headerFollows(this.chunk, buf, end, id)
      ? { frame: buf, start, end }
      : { frame: new Uint8Array(buf.subarray(start, end)), start: 0, end: end - start };
    channel.returning = { route, code, reply, ...held };
    return false;
  }

  /** A return whose header did not come: the app shall see what the broker sent. */
  #release(channel: Channel): void {
    const { returning } = channel;
    if (returning === undefined) return;
    channel.returning = undefined;
    this.#keep(returning.frame, returning.start, returning.end);
  }

  /** Frames held for a header that won't be read any more. */
  letGo(): void {
    for (const channel of this.#session.channels()) this.#release(channel);
  }

  header(id: number, buf: Uint8Array, start: number, end: number): void {
    const { plane } = this.#session;
    const channel = this.#session.channel(id);
    if (channel?.returning !== undefined) {
      this.#returned(channel, channel.returning, buf, start, end);
      this.#drain.frameEnded();
      return;
    }
    if (this.muted) return;
    try {
      if (channel !== undefined) channel.delivering.header(plane.header.read(buf, start, end), this.now);
    } catch (error) {
      plane.failed(error);
    }
    this.#keep(buf, start, end);
    if (channel !== undefined) this.#ended(channel);
    this.#drain.frameEnded();
  }

  /** The header of a returned message: which publish it was, who asked for it, and what of it is ours. */
  #returned(channel: Channel, returning: Returning, buf: Uint8Array, start: number, end: number): void {
    const { plane } = this.#session;
    const { header } = plane;
    channel.returning = undefined;
    let bits = LATE;
    let strip = NOTHING_ADDED;
    let readable = false;
    try {
      readable = header.read(buf, start, end);
      bits = this.#findReturned(channel, returning, readable);
      if (readable) strip = addedHeaders(header, bits);
    } catch (error) {
      plane.failed(error);
    }
    if ((bits & SHADOW) !== 0) {
      if (header.bodySize > 0) channel.swallowing = header.bodySize;
      return;
    }
    if (this.muted) return;
    this.#keep(returning.frame, returning.start, returning.end);
    if (strip.remove !== 0) this.#output.strip(header, strip);
    else this.#keep(buf, start, end);
  }

  #findReturned(channel: Channel, { route, code, reply }: Returning, readable: boolean): number {
    const { header, context, interceptor } = this.#session.plane;
    const traced = readable && header.value(TRACEPARENT) >= 0;
    if (traced) interceptor.readContext(header, context);
    const ids = traced && context.traced ? context.ids : undefined;
    const stamp = readable ? header.integer(SENT) : Number.NaN;
    return channel.publishes.returned({ route, ids, stamp, size: header.bodySize, code, reply }, this.now);
  }

  body(id: number, payload: number, buf: Uint8Array, start: number, end: number): void {
    const channel = this.#session.channel(id);
    if (channel !== undefined && channel.swallowing > 0) {
      if (payload < 0) return;
      channel.swallowing -= payload;
      this.#drain.frameEnded();
      return;
    }
    if (this.muted) return;
    this.#keep(buf, start, end);
    if (payload < 0) return;
    if (channel !== undefined) {
      channel.delivering.body(payload);
      this.#ended(channel);
    }
    this.#drain.frameEnded();
  }

  #ended(channel: Channel): void {
    const delivery = channel.delivering.ended();
    if (delivery === undefined) return;
    if (channel.deliveries.passed(delivery)) this.#flushing.add(channel.deliveries, delivery, delivery.tag);
    const { rateLimit } = delivery.route.treatment;
    if (rateLimit !== undefined) this.#pacing.passed(rateLimit, delivery.route.tally, this.now);
  }

  raw(buf: Uint8Array, start: number, end: number): void {
    this.#keep(buf, start, end);
    // unobserved frames come whole or in pieces: only the decoder knows, so no drain starts here
  }

  #keep(buf: Uint8Array, start: number, end: number): void {
    if (!this.muted) this.#output.keep(buf, start, end);
  }

  lost(why: 'protocol' | 'frame'): void {
    this.#lost(why);
  }
}
