import type { FrameVisitor } from '../../amqp/frames.ts';
import { confirmSelectFrame } from '../../amqp/methods.ts';
import { FRAME_HEAD, FRAME_HEARTBEAT, keyOf, type MethodName, methods } from '../../amqp/spec.ts';
import { BlockedHandlers } from '../fault-path/blocked-handlers.ts';
import { PublishPath } from '../fault-path/publish-path.ts';
import { ReusedNumbers } from '../fault-path/reused-numbers.ts';
import type { SeveredChannel } from '../fault-path/severed-channel.ts';
import type { Ending, Fault } from '../ports/verdict.ts';
import type { RateLimiter } from '../routing/rate-limit.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import { type Chunk, headerFollows, noChunk } from '../stream/chunk.ts';
import type { FrameSink } from '../stream/delay-line.ts';
import type { FrameBoundary } from '../stream/frame-boundary.ts';
import type { Output } from '../stream/output.ts';
import { PublishScanner, type PublishScratch } from './scan-publishes.ts';
import { scanAppAcks } from './scan-settlements.ts';

const PUBLISH = keyOf('basic.publish');
const ACK = keyOf('basic.ack');
const TX_SELECT = keyOf('tx.select');
const CHANNEL_OPEN = keyOf('channel.open');
const CHANNEL_CLOSE = keyOf('channel.close');
const CHANNEL_CLOSE_OK = keyOf('channel.close-ok');
const CONNECTION_CLOSE = keyOf('connection.close');
const CONNECTION_CLOSE_OK = keyOf('connection.close-ok');

/** Methods an app sends that are looked at; secure-ok and update-secret carry credentials and are not. */
export const observedFromApp: ReadonlySet<number> = new Set(
  (Object.keys(methods) as MethodName[])
    .filter((name) => !/^(connection\.(secure|update|start$|tune$|blocked|unblocked))/.test(name))
    .map(keyOf),
);

/** Who decides how a connection ends. */
export interface Closings {
  /** The app closes, or answers our close; true: don't forward it. */
  appCloses(key: number): boolean;
  /**
   * A close of the app, of `channel` or of the connection (0): calls `go` at once and returns true,
   * or calls it a little later and sends what it puts out.
   */
  letClose(channel: number, go: () => void): boolean;
  /** A fault on a message of `channel` ends more than that. */
  faultEnds(channel: number, ending: Ending): void;
  /** The app closes a channel that a fault has closed: it is owed an answer. */
  owesCloseOk(side: 'app' | 'broker', channel: number): void;
  /** Both sides have answered the close of a channel by a fault. */
  severed(channel: number): void;
}

/**
 * Follows the app's frames and lets them through, with our headers in publishes.
 *
 * One file because method, header and body of a message come one by one, and each goes on where the last one stopped.
 */
export class FromApp implements FrameVisitor {
  readonly #session: Session;
  readonly #boundary: FrameBoundary;
  readonly #output: Output;
  readonly #closing: Closings;
  readonly #limiter: RateLimiter;
  readonly #lost: () => void;
  readonly #publishes: PublishScanner;
  readonly #reused: ReusedNumbers;
  readonly #blocked: BlockedHandlers;
  /** a publish's frame may be held beyond its chunk */
  #holding = false;
  /** of the chunk at hand, ms of the monotonic clock */
  now = 0;
  readonly chunk: Chunk = noChunk();

  constructor(
    session: Session,
    boundary: FrameBoundary,
    scratch: PublishScratch,
    closing: Closings,
    limiter: RateLimiter,
    lost: () => void,
  ) {
    this.#session = session;
    this.#boundary = boundary;
    this.#output = boundary.output;
    this.#closing = closing;
    this.#limiter = limiter;
    this.#lost = lost;
    this.#publishes = new PublishScanner(session, boundary.output, scratch);
    this.#reused = new ReusedNumbers(session, boundary);
    this.#blocked = new BlockedHandlers(session, boundary, this, observedFromApp);
  }

  whole(buf: Uint8Array, start: number, end: number): number {
    const { bytes, view } = this.chunk;
    if (buf !== bytes || this.#boundary.isDue) return start;
    const key = view.getUint32(start + FRAME_HEAD);
    if (key === PUBLISH) return this.#publishes.pass(buf, view, start, end, this.now);
    if (key !== ACK) return start;
    const stop = scanAppAcks(this.#session, view, start, end, this.now);
    this.#output.keep(buf, start, stop);
    return stop;
  }

  method(key: number, id: number, buf: Uint8Array, start: number, end: number): void {
    if (!this.#waits(key, id, buf, start, end)) this.#method(key, id, buf, start, end);
    if (this.#boundary.isDue) this.#boundary.frameEnded();
  }

  /** The frame, or this part of it, is kept for later. */
  #waits(key: number, id: number, buf: Uint8Array, start: number, end: number): boolean {
    return this.#reused.waits(id, buf, start, end) || this.#blocked.waits(key, id, buf, start, end);
  }

  #method(key: number, id: number, buf: Uint8Array, start: number, end: number): void {
    let forward = true;
    try {
      if (key === PUBLISH) forward = this.#publish(id, buf, start, end);
      else if (id === 0) forward = this.#connectionMethod(key, buf, start, end);
      else forward = this.#channelMethod(key, id, buf, start, end);
    } catch (error) {
      this.#session.plane.failed(error);
    }
    if (forward) this.#sinkOf(id).keep(buf, start, end);
  }

  /** Where frames of this channel go. */
  sink(channel: Channel | undefined): FrameSink {
    if (channel === undefined) return this.#output;
    return channel.outgoing ?? this.#output;
  }

  #sinkOf(id: number): FrameSink {
    return id === 0 ? this.#output : this.sink(this.#session.channel(id));
  }

  /** Forwards the frame at once only if nothing has to go ahead of it or on it. */
  #publish(id: number, buf: Uint8Array, start: number, end: number): boolean {
    const session = this.#session;
    const channel = session.use(id);
    if (channel === undefined) return true;
    const { publishing } = channel;
    publishing.release(this.sink(channel), false);
    publishing.method(buf, start, end, this.now);
    if (channel.severed?.brokerTold) return false;
    const { mayStrike } = publishing;
    if (channel.state.word === 'plain' && session.shadowing === 'confirms' && publishing.wantsConfirms) {
      this.sink(channel).add(confirmSelectFrame(id));
      channel.selectShadowConfirms();
    }
    channel.outgoing?.begin();
    const forShadow =
      publishing.wantsShadow &&
      session.shadowsMandatory(channel.state.word) &&
      channel.publishes.mayShadow(publishing.named);
    if (!forShadow && !mayStrike) return true;
    if (headerFollows(this.chunk, buf, end, id)) publishing.hold(buf, start, end, forShadow);
    else {
      publishing.hold(new Uint8Array(buf.subarray(start, end)), 0, end - start, forShadow);
      this.#holding = true;
    }
    return false;
  }

  #connectionMethod(key: number, buf: Uint8Array, start: number, end: number): boolean {
    const session = this.#session;
    if (key !== CONNECTION_CLOSE && key !== CONNECTION_CLOSE_OK) {
      session.fromApp(key, buf, start, end);
      return true;
    }
    this.letGo();
    if (this.#closing.appCloses(key)) return false;
    if (key === CONNECTION_CLOSE_OK) return true;
    session.close('app', buf, start, end, this.now);
    for (const { state } of session.channels()) state.on('closed by app');
    return this.#letClose(0, buf, start, end, () => {});
  }

  #channelMethod(key: number, id: number, buf: Uint8Array, start: number, end: number): boolean {
    const session = this.#session;
    const channel = session.channel(id);
    // an app that breaks off its publish: the broker shall see it as it was sent
    channel?.publishing.release(this.sink(channel), false);
    if (channel?.severed?.brokerTold) return this.#severed(channel, channel.severed, key, buf, start, end);
    channel?.outgoing?.settleOrder();
    if (key === CHANNEL_OPEN) session.openChannel(id);
    else if (key === CHANNEL_CLOSE) {
      // one that was not used yet too: what follows on it is discarded
      const closing = session.use(id);
      closing?.state.on('closed by app');
      return this.#letClose(id, buf, start, end, () => closing?.askedToClose());
    } else if (key === CHANNEL_CLOSE_OK) session.channelClosed('app', id, this.now);
    else {
      if (key === TX_SELECT) session.selectsTransactions();
      session.use(id)?.fromApp(key, buf, start, end, this.now);
    }
    return true;
  }

  /** A method on a channel that a fault has closed: the broker gets nothing of it. */
  #severed(channel: Channel, severed: SeveredChannel, key: number, buf: Uint8Array, start: number, end: number): false {
    if (key === CHANNEL_CLOSE) this.#closing.owesCloseOk('app', channel.id);
    else if (key === CHANNEL_CLOSE_OK || key === CHANNEL_OPEN) {
      severed.appDone = true;
      if (severed.brokerDone) this.#closing.severed(channel.id);
      // an app that has closed the channel too may take our close for its answer, and open it again
      if (key === CHANNEL_OPEN) this.#reused.waits(channel.id, buf, start, end);
    }
    return false;
  }

  /** The number of a channel that a fault closed is free: what the app sent on it since comes now. */
  reuse(severed: SeveredChannel): void {
    this.now = this.#boundary.now();
    this.#session.readsWaiting = true;
    this.#reused.pass(severed, this, observedFromApp);
    this.#session.readsWaiting = false;
  }

  /** What faults hold of the app's settlements goes: only between two frames. */
  unblock(): void {
    this.#blocked.letGo();
  }

  /** Nothing that comes is followed any more. */
  abandon(): void {
    this.letGo();
    this.#reused.release();
  }

  /** True: the close is to be forwarded now. False: a copy of it is sent when its time has come. */
  #letClose(id: number, buf: Uint8Array, start: number, end: number, closing: () => void): boolean {
    let later: Uint8Array | undefined;
    const atOnce = this.#closing.letClose(id, () => {
      closing();
      if (later !== undefined) this.#sinkOf(id).add(later);
    });
    // the chunk will be gone when its time has come
    if (!atOnce) later = new Uint8Array(buf.subarray(start, end));
    return atOnce;
  }

  /** Frames held for a header that won't be read any more. */
  letGo(): void {
    this.#release();
    this.#blocked.letGo();
    for (const { outgoing } of this.#session.channels()) outgoing?.flush();
  }

  /** What a fault delays stays where it is. */
  #release(): void {
    this.#holding = false;
    for (const channel of this.#session.channels()) channel.publishing.release(this.sink(channel), false);
  }

  header(id: number, buf: Uint8Array, start: number, end: number): void {
    if (!this.#waits(0, id, buf, start, end)) this.#header(id, buf, start, end);
    if (this.#boundary.isDue) this.#boundary.frameEnded();
  }

  #header(id: number, buf: Uint8Array, start: number, end: number): void {
    const { plane, frameMax } = this.#session;
    const channel = this.#session.channel(id);
    let splice = false;
    try {
      if (channel !== undefined) {
        const readable = plane.header.read(buf, start, end);
        if (readable) channel.publishing.resolve();
        const { faults } = channel.publishing;
        if (faults !== undefined && readable && channel.severed === undefined) this.#judge(channel, faults);
        channel.publishing.release(this.sink(channel), readable);
        splice = channel.publishing.header(readable, frameMax, this.now);
      }
    } catch (error) {
      plane.failed(error);
    }
    if (!channel?.severed?.brokerTold) {
      const sink = this.sink(channel);
      if (splice) sink.splice(plane.header, plane.edit);
      else sink.keep(buf, start, end);
    }
    if (channel !== undefined) this.#ended(channel);
  }

  #judge(channel: Channel, faults: readonly Fault[]): void {
    const { header, observer } = this.#session.plane;
    let path = channel.outgoing;
    if (path === undefined) {
      path = new PublishPath(this.#boundary, channel.publishes);
      channel.outgoing = path;
      path.begin();
    }
    channel.publishing.struck(path.judge(faults, header.bodySize, this.now, observer.traffic));
  }

  body(id: number, payload: number, buf: Uint8Array, start: number, end: number): void {
    if (!this.#waits(0, id, buf, start, end)) this.#body(id, payload, buf, start, end);
    if (payload >= 0 && this.#boundary.isDue) this.#boundary.frameEnded();
  }

  #body(id: number, payload: number, buf: Uint8Array, start: number, end: number): void {
    const channel = this.#session.channel(id);
    // a body without its header: as it was sent
    if (this.#holding) channel?.publishing.release(this.sink(channel), false);
    if (channel === undefined) this.#output.keep(buf, start, end);
    else if (!channel.severed?.brokerTold) {
      if (channel.outgoing === undefined) this.#output.keep(buf, start, end);
      else channel.outgoing.keep(buf, start, end, payload >= 0);
    }
    if (payload < 0) return;
    if (channel !== undefined) {
      channel.publishing.body(payload);
      this.#ended(channel);
    }
  }

  #ended(channel: Channel): void {
    const publish = channel.publishing.ended();
    if (publish === undefined) return;
    const { publishes, outgoing } = channel;
    if (outgoing !== undefined) {
      const { ending } = outgoing.verdict;
      outgoing.ended(publish, this.now);
      if (ending !== undefined) this.#closing.faultEnds(channel.id, ending);
    } else publishes.passed(publish);
    const { rateLimit } = publish.route.treatment;
    if (rateLimit !== undefined) this.#limiter.passed(rateLimit, publish.route.tally, this.now);
  }

  raw(buf: Uint8Array, start: number, end: number, id: number): void {
    if (!this.#waits(0, id, buf, start, end) && !this.#session.channel(id)?.severed?.brokerTold) {
      // heartbeats come between any two frames; what else comes raw may be of the channel that holds one
      if (this.#holding && buf[start] !== FRAME_HEARTBEAT) this.#release();
      this.#output.keep(buf, start, end);
    }
    if (this.#boundary.isDue) this.#boundary.frameEnded();
  }

  lost(): void {
    this.#lost();
  }
}
