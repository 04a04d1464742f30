import type { Socket } from 'node:net';
import { NO_BYTES } from '../../amqp/bytes.ts';
import { MAX_FRAME } from '../../amqp/frames.ts';
import { closeFrame } from '../../amqp/methods.ts';
import { FRAME_OVERHEAD } from '../../amqp/spec.ts';
import { speechOf } from '../../amqp/stranger.ts';
import type { Outage, Plane } from '../plane/plane.ts';
import type { Ending } from '../ports/verdict.ts';
import { FromApp, observedFromApp } from '../scanning/from-app.ts';
import { FromBroker, observedFromBroker } from '../scanning/from-broker.ts';
import type { ScanScratch } from '../scanning/scan-scratch.ts';
import { type Closing, Session } from '../session/session.ts';
import { nameOf, type Upstream } from '../stream/dial.ts';
import type { Scratch } from '../stream/output.ts';
import { CloseHold } from './close-hold.ts';
import { ConnectionState } from './connection-state.ts';
import { ConnectionView, type Ends } from './connection-view.ts';
import { Direction } from './direction.ts';
import { FaultEndings } from './fault-endings.ts';

/** connection.close of an operator (AMQP 0-9-1, reply codes): clients reconnect after it. */
const CONNECTION_FORCED = 320;
/** How long a side has to answer our connection.close before its socket is ended without. */
const CLOSE_WAIT_MS = 1000;
/**
 * Largest frame that is read whole of an app that the broker has not let in: the broker allows 4 or 8 KiB then. Afterwards
 * as large as the decoder has it.
 */
const LOGIN_MAX_FRAME = 64 * 1024;

/** What the connections of one traffic thread share for the chunk at hand. */
export interface ThreadScratch {
  readonly output: Scratch;
  readonly runs: ScanScratch;
}

/**
 * An app's connection and the broker connection that belongs to it: one to one, from the first
 * byte to the last. What its two directions learn meets in the session.
 *
 * One file because an end of either side goes on to the other: each of them has to be read with the others in sight.
 */
export class Connection {
  readonly id: number;
  readonly #target: Upstream;
  readonly #plane: Plane;
  readonly #session: Session;
  readonly #app: Socket;
  readonly #broker: Socket;
  readonly #upstream: Direction<FromApp>;
  readonly #downstream: Direction<FromBroker>;
  readonly #faults: FaultEndings;
  readonly #hold: CloseHold;
  readonly #state = new ConnectionState();
  /** the app ended its side first: without a connection.close nobody knows what it had read */
  #appVanished = false;
  /** what we close it with */
  #farewell = { code: 0, text: '' };
  readonly #onClosed: (connection: Connection) => void;
  readonly #ends: Ends;
  #bypass = '';

  constructor(
    id: number,
    app: Socket,
    broker: Socket,
    upstream: Upstream,
    plane: Plane,
    scratch: ThreadScratch,
    onClosed: (connection: Connection) => void,
  ) {
    this.id = id;
    this.#plane = plane;
    this.#app = app;
    this.#broker = broker;
    this.#onClosed = onClosed;
    const session = new Session(plane, id);
    this.#session = session;
    this.#hold = new CloseHold(session);
    const lost = (): void => this.#pipe('frame_error');
    const client = `${app.remoteAddress}:${app.remotePort}`;
    this.#target = upstream;
    this.#upstream = new Direction(plane, scratch.output, {
      name: 'upstream',
      from: app,
      to: broker,
      by: 'app',
      observed: observedFromApp,
      maxFrame: LOGIN_MAX_FRAME,
      unflushed: {
        flushed(now) {
          session.silence.flushed(now);
          session.upstreamUnflushed.flushed(now);
        },
      },
      unknown: (opening) => {
        plane.onMistake({ by: 'app', speaks: speechOf(opening), peer: client });
        this.#pipe('unknown_protocol');
      },
      heldBack: (now) => session.silence.heldBack(now),
      follow: (boundary, limiter) => new FromApp(session, boundary, scratch.runs.publishes, this, limiter, lost),
    });
    session.onOpen = () => {
      this.#upstream.decoder.maxFrame = MAX_FRAME;
      // 0 is for no limit; RabbitMQ takes as much beside a frame's head and end
      const frameMax = session.frameMax === 0 ? Number.POSITIVE_INFINITY : session.frameMax + FRAME_OVERHEAD;
      for (const { decoder } of [this.#upstream, this.#downstream]) decoder.frameMax = frameMax;
    };
    this.#downstream = new Direction(plane, scratch.output, {
      name: 'downstream',
      from: broker,
      to: app,
      by: 'broker',
      observed: observedFromBroker,
      unflushed: {
        flushed: (now) => {
          session.inFlight.caughtUp(now);
          session.downstreamUnflushed.flushed(now);
        },
      },
      unknown: (opening) => {
        // to anything else it may answer what it likes
        if (this.#upstream.speaks === 'AMQP 0-9-1')
          plane.onMistake({
            by: 'upstream',
            speaks: speechOf(opening),
            upstream: nameOf(this.#target),
            tls: this.#target.tls,
          });
        this.#pipe('unknown_protocol');
      },
      heldBack: () => session.inFlight.heldBack(),
      follow: (boundary, limiter) => new FromBroker(session, boundary, scratch.runs.deliveries, this, limiter, lost),
    });
    this.#faults = new FaultEndings(session, this.#upstream, this.#downstream, this);
    session.onAnswer = () => this.#faults.answer();
    this.#join(app, broker, this.#upstream, this.#downstream);
    this.#join(broker, app, this.#downstream, this.#upstream);
    const { clock, observer } = plane;
    const { host: brokerHost, port: brokerPort } = upstream;
    const at = clock.micros(clock.now());
    this.#ends = { peer: client, upstream: nameOf(upstream), openedAt: at / 1000 };
    observer.traffic.connections(1);
    observer.emit({
      type: 'connection.opened',
      at,
      connection: id,
      client,
      brokerHost,
      brokerPort,
      bypass: plane.bypass ? 'bypass' : '',
    });
    if (plane.bypass) this.#pipe('bypass');
  }

  /** Ends travel as they came: a FIN behind all that was sent before it, a reset as a reset. */
  #join(from: Socket, to: Socket, direction: AnyDirection, { relay: back }: AnyDirection): void {
    const { relay: forth } = direction;
    let reset = false;
    // a FIN or a reset of the app waits for shadow confirms like a close does
    const settled = (then: () => void): void => {
      if (from === this.#app) this.#hold.wait(0, then);
      else then();
    };
    from.on('end', () => {
      if (from === this.#app) {
        if (!to.readableEnded) this.#appVanished = true;
        if (this.#upstream.atBoundary) this.#upstream.follower.letGo();
      }
      forth.send();
      settled(() => {
        // a FIN right behind publishes makes the broker drop some (docs/broker-facts.md#fin-behind-publishes): our close goes first
        if (from === this.#app && this.#state.word === 'app told') this.#closeBroker();
        else if (!to.destroyed && this.#state.word !== 'broker told') {
          // a frame that never came whole goes on as far as it came: the other side decides what to make of it
          direction.end();
          forth.send();
          to.end();
        }
      });
    });
    from.on('error', () => {
      reset = true;
      if (from === this.#app && !to.readableEnded) this.#appVanished = true;
    });
    from.on('close', () => {
      forth.hurry();
      // nothing more can be delivered to `from`
      back.discard();
      if (to.destroyed) this.#finish();
      else if (reset) settled(() => this.#reset(to));
      else if (!to.writableEnded) settled(() => to.end());
      // FIN was passed on and the other side has nobody left to talk to
      else this.#afterFlush(to, () => to.destroySoon());
    });
  }

  #reset(socket: Socket): void {
    this.#afterFlush(socket, () => reset(socket));
  }

  /** A publisher that resets right after its last publish has sent it: it goes out first, if it can. */
  #afterFlush(socket: Socket, then: () => void): void {
    if (socket.writableLength === 0 || !socket.writable) {
      then();
      return;
    }
    const timer = setTimeout(then, CLOSE_WAIT_MS);
    // 'drain' comes only after more than the high-water mark
    socket.write(NO_BYTES, () => {
      clearTimeout(timer);
      then();
    });
  }

  #finish(): void {
    if (!this.#state.on('gone')) return;
    const { clock, observer } = this.#plane;
    const session = this.#session;
    const now = clock.now();
    session.downstreamUnflushed.unsent(now);
    if (this.#appVanished && session.closing === undefined) session.inFlight.end(now);
    const isMute = this.#upstream.speaks === 'AMQP 0-9-1' && this.#downstream.speaks === undefined;
    if (isMute && !this.#appVanished && session.closing === undefined)
      this.#plane.onMistake({
        by: 'upstream',
        speaks: 'nothing',
        upstream: nameOf(this.#target),
        tls: this.#target.tls,
      });
    const closing: Closing = session.closing ?? { by: 'network', code: 0, text: '' };
    session.end('connection_lost', now);
    session.forget();
    observer.traffic.connections(-1);
    observer.traffic.connectionClosed(closing.by, closing.code);
    observer.emit({ type: 'connection.closed', at: clock.micros(now), connection: this.id, ...closing });
    this.#onClosed(this);
  }

  /** From here on both directions are passed on unread. */
  #pipe(reason: 'unknown_protocol' | 'bypass' | 'frame_error'): void {
    if (!this.#state.on('unreadable')) return;
    this.#bypass = reason;
    this.#plane.observer.traffic.bypassed(reason);
    this.#plane.observer.traffic.unobserved(reason);
    // one of the two is inside its chunk, and they share a scratch buffer: what the one has put
    // there must leave before the other puts anything
    this.#upstream.relay.send();
    this.#downstream.relay.send();
    this.#upstream.follower.abandon();
    this.#hold.releaseAll();
    this.#upstream.relay.send();
    this.#downstream.follower.letGo();
    this.#downstream.relay.send();
    this.#upstream.pipe();
    this.#downstream.pipe();
    this.#session.end('connection_lost', this.#plane.clock.now());
  }

  /** What there is to know of it now. */
  get view(): ConnectionView {
    return new ConnectionView(this.id, this.#session, this.#ends, this.#bypass);
  }

  /** The plane has another configuration: for messages whose method comes from now on. */
  reconfigured(): void {
    this.#session.reconfigured();
    this.#downstream.follower.rerouted();
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    this.#session.rerouted();
    this.#downstream.follower.rerouted();
  }

  sweep(now: number): void {
    this.#session.sweep(now);
  }

  /** The orderly end from our side, on SIGTERM (docs/operations.md#start-stop-health). `closed` follows. */
  drain(): void {
    this.closeWith(CONNECTION_FORCED, 'CONNECTION_FORCED - tracehare is draining');
  }

  /** connection.close to both sides, in order. */
  closeWith(code: number, text: string): void {
    const { word } = this.#state;
    if (word !== 'relaying' && word !== 'piped') return;
    this.#upstream.relay.hurry();
    this.#downstream.relay.hurry();
    this.#farewell = { code, text };
    if (!this.#session.isOpen || this.#session.closing !== undefined || !this.#state.on('close')) {
      this.#hangUp();
      return;
    }
    if (this.#downstream.atBoundary) {
      this.frameEnded();
      this.#downstream.relay.send();
    }
    setTimeout(() => this.#closeBroker(), CLOSE_WAIT_MS).unref();
  }

  get isDue(): boolean {
    return this.#state.word === 'closing';
  }

  /** FromBroker: our close goes in behind the frame that just ended. */
  frameEnded(): void {
    if (!this.#state.on('tell app')) return;
    const { code, text } = this.#farewell;
    this.#session.closing ??= { by: 'tracehare', code, text };
    this.#downstream.follower.letGo();
    this.#downstream.output.add(closeFrame('connection.close', 0, code, text));
    this.#downstream.follower.muted = true;
  }

  /** FromApp: the app answered our close, or closes of its own accord at the same time. */
  appCloses(): boolean {
    if (this.#state.word !== 'app told') return this.#state.word === 'broker told';
    setImmediate(() => this.#closeBroker());
    return true;
  }

  #closeBroker(): void {
    if (this.#state.word === 'piped') this.#hangUp();
    if (!this.#state.on('tell broker')) return;
    // inside a frame nothing can be said: the broker sees the connection end instead
    if (!this.#upstream.atBoundary || this.#broker.writableEnded) {
      this.#hangUp();
      return;
    }
    // like a close of the app's own
    this.#hold.wait(0, () => {
      if (!this.#upstream.atBoundary) {
        this.#hangUp();
        return;
      }
      this.#upstream.follower.letGo();
      const { code, text } = this.#farewell;
      this.#upstream.output.add(closeFrame('connection.close', 0, code, text));
      // after our close: what the decoder lets go of may be the beginning of a frame of the app
      this.#upstream.decoder.lose();
      this.#upstream.relay.send();
      setTimeout(() => this.#hangUp(), CLOSE_WAIT_MS).unref();
    });
  }

  /** FromApp: a close of the app goes now, or when the confirms we await are in. */
  letClose(channel: number, go: () => void): boolean {
    // a copy of each is kept while it waits: one of a channel is enough
    if (this.#hold.hurry(channel)) {
      go();
      return true;
    }
    let inside = true;
    const waits = this.#hold.wait(channel, () => {
      if (inside) go();
      // another channel's body may be half way through: nothing can go in there
      else this.#upstream.boundary.onceAtBoundary(go);
    });
    inside = false;
    return !waits;
  }

  /** A fault ended before its time: what faults hold back goes. */
  release(): void {
    if (this.#state.word === 'piped' || this.#state.word === 'over') return;
    this.#upstream.boundary.onceAtBoundary(() => {
      for (const { outgoing, publishes } of this.#session.channels()) {
        outgoing?.line.flush();
        publishes.translator.revealAll();
      }
      this.#upstream.follower.unblock();
    });
    this.#downstream.boundary.onceAtBoundary(() => {
      for (const { incoming } of this.#session.channels()) incoming?.flush();
    });
  }

  /** A fault: both sides are gone for each other at once. What passed before still reaches the broker. */
  resetFor(text: string): void {
    if (this.#state.word === 'over') return;
    this.#session.closing ??= { by: 'tracehare', code: 0, text };
    // nobody knows how much the app had read
    this.#session.inFlight.end(this.#plane.clock.now());
    this.#broker.destroySoon();
    reset(this.#app);
  }

  /** A fault: nothing is read from one side, or either, for as long. */
  stall(outage: Outage, on: boolean): void {
    if (outage.direction !== 'downstream') this.#upstream.relay.hold(outage, on);
    if (outage.direction !== 'upstream') this.#downstream.relay.hold(outage, on);
  }

  faultEnds(channel: number, ending: Ending): void {
    this.#faults.end(channel, ending);
  }

  owesCloseOk(side: 'app' | 'broker', channel: number): void {
    this.#faults.answerClose(side, channel);
  }

  severed(channel: number): void {
    this.#faults.over(channel, (severed) => {
      this.#upstream.follower.reuse(severed);
      // a close of the connection goes behind what was sent on the number
      queueMicrotask(() => this.#hold.settled());
    });
  }

  answer(): void {
    this.#faults.answer();
  }

  /** FromBroker: confirms came in. */
  confirmed(): void {
    // not before the chunk at hand is sent: the two directions share a scratch buffer
    if (!this.#hold.isEmpty) queueMicrotask(() => this.#hold.settled());
  }

  /** FromBroker: the broker answered a close; true if it was ours. */
  brokerClosed(): boolean {
    if (this.#state.word !== 'broker told') return false;
    setImmediate(() => this.#hangUp());
    return true;
  }

  #hangUp(): void {
    if (!this.#state.on('hang up')) return;
    this.#session.closing ??= { by: 'tracehare', code: 0, text: 'draining' };
    for (const socket of [this.#app, this.#broker]) {
      socket.end();
      setTimeout(() => socket.destroy(), CLOSE_WAIT_MS).unref();
    }
  }
}

type AnyDirection = Pick<Direction<FromApp>, 'relay' | 'end'>;

/** Destroys a socket so that its other side sees a reset. */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // TLS has no reset of its own
    socket.destroy();
  }
}
