import { writeKey } from '../../amqp/content.ts';
import type { FrameVisitor } from '../../amqp/frames.ts';
import { FRAME_HEAD, keyOf, type MethodName, methods } from '../../amqp/spec.ts';
import { HeldSettlements } from '../fault-path/held-settlements.ts';
import type { SeveredChannel } from '../fault-path/severed-channel.ts';
import { IDS } from '../open-messages/run.ts';
import { observedHeaders, SENT, TRACEPARENT } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import { type Ending, judge, Verdict } from '../ports/verdict.ts';
import type { Origin } from '../publishing/assumed-publishes.ts';
import { type Restored, readReturn, restored, UNTOUCHED } from '../publishing/publish-frames.ts';
import { SHADOW } from '../publishing/publish-marks.ts';
import type { RateLimiter } from '../routing/rate-limit.ts';
import type { Route } from '../routing/routes.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import { type Chunk, headerFollows, noChunk, type Returning } from '../stream/chunk.ts';
import { DelayLine, type FrameSink } from '../stream/delay-line.ts';
import type { FrameBoundary } from '../stream/frame-boundary.ts';
import type { Output } from '../stream/output.ts';
import { DeliveryScanner, type DeliveryScratch } from './scan-deliveries.ts';
import { scanConfirms } from './scan-settlements.ts';

const RETURN = keyOf('basic.return');
const ACK = keyOf('basic.ack');
const NACK = keyOf('basic.nack');
const DELIVER = keyOf('basic.deliver');
const CONFIRM_SELECT_OK = keyOf('confirm.select-ok');
const CHANNEL_CLOSE = keyOf('channel.close');
const CHANNEL_CLOSE_OK = keyOf('channel.close-ok');
const CONNECTION_CLOSE = keyOf('connection.close');
const CONNECTION_CLOSE_OK = keyOf('connection.close-ok');

/** What still tells an outcome when nothing is forwarded any more. */
const OUTCOMES: ReadonlySet<number> = new Set([ACK, NACK, RETURN, CONNECTION_CLOSE_OK]);

/** Methods a broker sends that are looked at. */
export const observedFromBroker: ReadonlySet<number> = new Set(
  (Object.keys(methods) as MethodName[])
    .filter((name) => !/^(connection\.(secure|update|start-ok|tune-ok)|channel\.open)/.test(name))
    .map(keyOf),
);

/** Where frames go when the app has got our connection.close: nowhere. */
const NOWHERE: FrameSink = { keep() {}, splice() {}, strip() {}, add() {} };

/** Who decides how a connection ends, frame by frame. */
export interface Endings {
  /** A frame ended: now our own connection.close can go to the app. */
  frameEnded(): void;
  /** Our connection.close waits for the end of a frame. */
  readonly isDue: boolean;
  /** What the app is owed can be given to it. */
  answer(): void;
  /** Confirms came in, or never will: a close that waited for them can go. */
  confirmed(): void;
  /** connection.close-ok of the broker: true if it answers our close. */
  brokerClosed(): boolean;
  /** A fault on a message of `channel` ends more than that. */
  faultEnds(channel: number, ending: Ending): void;
  /** The broker closes a channel that a fault has closed: it is owed an answer. */
  owesCloseOk(side: 'app' | 'broker', channel: number): void;
  /** Both sides have answered the close of a channel by a fault. */
  severed(channel: number): void;
}

/**
 * Follows the broker's frames and lets them through, without our headers in returns.
 *
 * One file because method, header and body of a message come one by one, and each goes on where the last one stopped.
 */
export class FromBroker implements FrameVisitor {
  readonly #session: Session;
  readonly #boundary: FrameBoundary;
  readonly #verdict = new Verdict();
  readonly #output: Output;
  readonly #drain: Endings;
  readonly #limiter: RateLimiter;
  readonly #lost: () => void;
  readonly #deliveries: DeliveryScanner;
  /** ids of the trace context that a returned message carries */
  readonly #returnedIds = new Uint32Array(IDS);
  #lastReturned: Route<PublishTally> | undefined;
  /** our connection.close went to the app: nothing follows it, but outcomes still count */
  muted = false;
  /** of the chunk at hand, ms of the monotonic clock */
  now = 0;
  readonly chunk: Chunk = noChunk();

  constructor(
    session: Session,
    boundary: FrameBoundary,
    scratch: DeliveryScratch,
    drain: Endings,
    limiter: RateLimiter,
    lost: () => void,
  ) {
    this.#session = session;
    this.#boundary = boundary;
    this.#output = boundary.output;
    this.#drain = drain;
    this.#limiter = limiter;
    this.#lost = lost;
    this.#deliveries = new DeliveryScanner(session, boundary.output, scratch);
  }

  whole(buf: Uint8Array, start: number, end: number): number {
    const { bytes, view } = this.chunk;
    if (buf !== bytes || this.muted || this.#boundary.isDue || this.#drain.isDue) return start;
    const key = view.getUint32(start + FRAME_HEAD);
    if (key === DELIVER) return this.#deliveries.pass(buf, view, start, end, this.now);
    if (key !== ACK) return start;
    const stop = scanConfirms(this.#session, view, start, end, this.now);
    if (stop === start) return start;
    this.#output.keep(buf, start, stop);
    this.#drain.confirmed();
    return stop;
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    this.#lastReturned = undefined;
  }

  method(key: number, id: number, buf: Uint8Array, start: number, end: number): void {
    let forward = true;
    // what the app does not get is no delivery
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
    if (forward) this.#keep(id, buf, start, end);
    this.#frameEnded();
  }

  #frameEnded(): void {
    this.#drain.frameEnded();
    if (this.#boundary.isDue) this.#boundary.frameEnded();
  }

  /** Where frames of this channel go. */
  sink(channel: Channel | undefined): FrameSink {
    if (this.muted) return NOWHERE;
    return channel?.incoming ?? this.#output;
  }

  #channelMethod(key: number, id: number, buf: Uint8Array, start: number, end: number): boolean {
    const session = this.#session;
    const channel = session.channel(id);
    if (channel?.severed?.brokerTold) {
      const passes = this.#severed(channel, channel.severed, key, buf, start, end);
      if (passes !== undefined) return passes;
    }
    if (key === ACK || key === NACK) {
      const forward = channel?.confirm(key === ACK, buf, start, end, this.now) ?? true;
      if (!forward) channel?.giveAnswers(this.sink(channel));
      this.#drain.confirmed();
      return forward;
    }
    // nothing may overtake what the app is owed
    channel?.giveAnswers(this.sink(channel));
    if (key === RETURN) return this.#return(id, buf, start, end);
    if (key === CHANNEL_CLOSE) {
      session.closeChannel(id, buf, start, end, this.now);
      this.#drain.confirmed();
    } else if (key === CHANNEL_CLOSE_OK) {
      session.channelClosed('broker', id, this.now);
      this.#drain.confirmed();
    } else if (channel !== undefined) {
      channel.fromBroker(key, buf, start, end, this.now);
      if (key === CONFIRM_SELECT_OK) this.#drain.answer();
      if (channel.delivering.mayStrike) {
        channel.incoming ??= new DelayLine(this.#boundary);
        channel.incoming.await();
      }
    }
    return true;
  }

  /** A method on a channel that a fault closed; undefined: it is still treated as any other. */
  #severed(
    channel: Channel,
    severed: SeveredChannel,
    key: number,
    buf: Uint8Array,
    start: number,
    end: number,
  ): boolean | undefined {
    if (key === CHANNEL_CLOSE_OK) {
      severed.brokerDone = true;
      this.#session.severedByBroker(channel, this.now);
      if (severed.appDone) this.#drain.severed(channel.id);
      return false;
    }
    if (key === CHANNEL_CLOSE) {
      this.#drain.owesCloseOk('broker', channel.id);
      return false;
    }
    if (!severed.appTold) return undefined;
    if (key === ACK || key === NACK) channel.confirm(key === ACK, buf, start, end, this.now);
    return false;
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
    this.#keep(channel.id, returning.frame, returning.start, returning.end);
  }

  /** Frames held for a header that won't be read any more. */
  letGo(): void {
    for (const channel of this.#session.channels()) {
      this.#release(channel);
      channel.incoming?.flush();
    }
  }

  header(id: number, buf: Uint8Array, start: number, end: number): void {
    const { plane } = this.#session;
    const channel = this.#session.channel(id);
    if (channel?.returning !== undefined) {
      this.#returned(channel, channel.returning, buf, start, end);
      this.#frameEnded();
      return;
    }
    if (this.muted || channel?.severed?.appTold) return;
    try {
      if (channel !== undefined) {
        const readable = plane.header.read(buf, start, end);
        const { delivering } = channel;
        if (readable) delivering.resolve();
        const time = channel.incoming?.isAwaiting ? this.#judge(channel, channel.incoming, readable) : this.now;
        delivering.header(readable, time);
        if (this.#verdict.ending !== undefined) {
          this.#withdraw(channel, this.#verdict.ending);
          return;
        }
      }
    } catch (error) {
      plane.failed(error);
    }
    this.sink(channel).keep(buf, start, end);
    if (channel !== undefined) this.#ended(channel);
    this.#frameEnded();
  }

  /** Lets faults decide on the delivery at hand, whose method frame is held. Returns when it leaves, ms of the clock. */
  #judge(channel: Channel, incoming: DelayLine, readable: boolean): number {
    const { plane } = this.#session;
    const { delivering } = channel;
    const verdict = this.#verdict;
    const size = plane.header.bodySize;
    // one that is not judged must not have what was decided on the last one
    verdict.clear();
    if (readable && delivering.faults !== undefined && channel.severed === undefined) {
      const { awaitsSettlement } = delivering;
      judge(delivering.faults, verdict, { confirmed: false, size, awaitsSettlement }, this.now, plane.observer.traffic);
    }
    if (verdict.ending !== undefined) return this.now;
    const notBefore = Math.max(verdict.notBefore, this.now + verdict.delay);
    const leaves = incoming.settle(verdict.types === '' ? 0 : notBefore, verdict.rate);
    // a stall without an end
    const time = leaves === Number.POSITIVE_INFINITY ? this.now : leaves;
    if (verdict.types !== '') delivering.struck(verdict.types, time);
    if (verdict.settlement !== undefined) {
      channel.heldSettlements ??= new HeldSettlements(plane.options.windowPerChannel);
      channel.heldSettlements.strike(delivering.tag, verdict.settlement);
    }
    return time;
  }

  /** A fault ends the channel or connection in place of the delivery at hand, which the app does not get. */
  #withdraw(channel: Channel, ending: Ending): void {
    this.#verdict.clear();
    const delivery = channel.delivering.withdraw();
    channel.incoming?.withdraw();
    // the broker has done with it
    channel.deliveries.withdrawn(delivery, this.now);
    if (delivery.bytes > 0) channel.swallowing = delivery.bytes;
    this.#drain.faultEnds(channel.id, ending);
  }

  /** The header of a returned message: which publish it was, who asked for it, and what of it is ours. */
  #returned(channel: Channel, returning: Returning, buf: Uint8Array, start: number, end: number): void {
    const { plane } = this.#session;
    const { header } = plane;
    channel.returning = undefined;
    let isOurs = false;
    let restore = UNTOUCHED;
    let readable = false;
    try {
      readable = header.read(buf, start, end);
      const origin = this.#findReturned(channel, returning, readable);
      isOurs = (origin.marks & SHADOW) !== 0;
      if (readable) restore = restored(header, plane.interceptor, origin);
    } catch (error) {
      plane.failed(error);
    }
    if (isOurs) {
      if (header.bodySize > 0) channel.swallowing = header.bodySize;
      return;
    }
    if (this.muted) return;
    const sink = this.sink(channel);
    sink.keep(returning.frame, returning.start, returning.end);
    this.#giveBack(sink, restore, buf, start, end);
  }

  /** The header frame last read, as the app sent it. */
  #giveBack(sink: FrameSink, { remove, dropTable, replaced }: Restored, buf: Uint8Array, start: number, end: number) {
    const { header, edit } = this.#session.plane;
    if (replaced !== undefined && header.valueEnd(SENT) - header.value(SENT) === replaced.length) {
      buf.set(replaced, header.value(SENT));
      const rest = remove & ~(1 << SENT);
      if (rest === 0) sink.keep(buf, start, end);
      else sink.strip(header, { remove: rest, dropTable });
    } else if (replaced !== undefined) {
      const at = writeKey(edit.entries, 0, observedHeaders[SENT], String.fromCharCode(replaced[0]));
      edit.entries.set(replaced.subarray(1), at);
      edit.added = at + replaced.length - 1;
      edit.remove = remove;
      sink.splice(header, edit);
    } else if (remove !== 0) sink.strip(header, { remove, dropTable });
    else sink.keep(buf, start, end);
  }

  #findReturned(channel: Channel, { route, code, reply }: Returning, readable: boolean): Origin {
    const { header, context, interceptor } = this.#session.plane;
    const traced = readable && header.value(TRACEPARENT) >= 0;
    context.ids = this.#returnedIds;
    context.at = 0;
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
      this.#frameEnded();
      return;
    }
    if (this.muted || channel?.severed?.appTold) return;
    if (channel?.incoming === undefined) this.#output.keep(buf, start, end);
    else channel.incoming.keep(buf, start, end, payload >= 0);
    if (payload < 0) return;
    if (channel !== undefined) {
      channel.delivering.body(payload);
      this.#ended(channel);
    }
    this.#frameEnded();
  }

  #ended(channel: Channel): void {
    const delivery = channel.delivering.ended();
    if (delivery === undefined) return;
    const { deliveries, incoming } = channel;
    incoming?.hold(0, 0);
    const held = incoming !== undefined && !incoming.isEmpty;
    const left = deliveries.passed(delivery, held);
    if (left !== undefined) incoming?.whenLeft(left);
    const { rateLimit } = delivery.route.treatment;
    if (rateLimit !== undefined) this.#limiter.passed(rateLimit, delivery.route.tally, this.now);
  }

  raw(buf: Uint8Array, start: number, end: number): void {
    if (!this.muted) this.#output.keep(buf, start, end);
    // this may be a piece of a frame that nobody observes, so our own close does not go in here
    if (this.#boundary.isDue) this.#boundary.frameEnded();
  }

  #keep(id: number, buf: Uint8Array, start: number, end: number): void {
    this.sink(id === 0 ? undefined : this.#session.channel(id)).keep(buf, start, end);
  }

  lost(): void {
    this.#lost();
  }
}
