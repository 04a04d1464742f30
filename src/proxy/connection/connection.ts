import type { Socket } from 'node:net';
import { NO_BYTES } from '../../amqp/bytes.ts';
import { FrameDecoder, MAX_FRAME } from '../../amqp/frames.ts';
import { closeFrame } from '../../amqp/methods.ts';
import { Flushing } from '../open-messages/flushing.ts';
import type { Plane } from '../plane/plane.ts';
import type { DeliveryTally, PublishTally } from '../ports/observer.ts';
import type { Ending } from '../ports/verdict.ts';
import { Pacing } from '../routing/rate-limit.ts';
import { observedFromApp, TowardsBroker } from '../scanning/from-app.ts';
import { observedFromBroker, TowardsApp } from '../scanning/from-broker.ts';
import { type Closing, Session } from '../session/session.ts';
import type { Upstream } from '../stream/dial.ts';
import { DirectionWire } from '../stream/frame-boundary.ts';
import { Output, type Scratch } from '../stream/output.ts';
import { Relay } from '../stream/relay.ts';
import { CloseHold } from './close-hold.ts';
import { FaultEndings } from './fault-endings.ts';

/** connection.close of an operator (AMQP 0-9-1, reply codes): clients reconnect after it. */
const CONNECTION_FORCED = 320;
/** How long a side has to answer our connection.close (DESIGN, Command line). */
const CLOSE_WAIT_MS = 1000;
/**
 * Largest frame that is read whole of an app that the broker has not let in: the broker allows 4 or 8 KiB then. Afterwards
 * as large as the decoder has it.
 */
const LOGIN_MAX_FRAME = 64 * 1024;

type Drain = 'none' | 'asked' | 'app told' | 'broker told' | 'done';

/**
 * An app's connection and the broker connection that belongs to it: one to one, from the first
 * byte to the last. Each direction is a relay; what they learn meets in the session.
 */
export class Connection {
  readonly id: number;
  readonly #plane: Plane;
  readonly #session: Session;
  readonly #app: Socket;
  readonly #broker: Socket;
  readonly #toBroker: Relay;
  readonly #toApp: Relay;
  readonly #appDecoder: FrameDecoder;
  readonly #brokerDecoder: FrameDecoder;
  readonly #brokerOutput: Output;
  readonly #appOutput: Output;
  readonly #brokerWire: DirectionWire;
  readonly #appWire: DirectionWire;
  readonly #faults: FaultEndings;
  readonly #brokerFlushes = new Flushing<PublishTally>();
  readonly #appFlushes = new Flushing<DeliveryTally>();
  readonly #towardsApp: TowardsApp;
  readonly #towardsBroker: TowardsBroker;
  readonly #hold: CloseHold;
  /** the app ended its side first; without a close that leaves open what it had read */
  #appVanished = false;
  #bypassed = false;
  #drain: Drain = 'none';
  #farewell = { code: 0, text: '' };
  #closed = false;
  readonly #onClosed: (connection: Connection) => void;

  constructor(
    id: number,
    app: Socket,
    broker: Socket,
    upstream: Upstream,
    plane: Plane,
    scratch: Scratch,
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
    const lost = (why: 'protocol' | 'frame'): void =>
      this.#pipe(why === 'protocol' ? 'unknown_protocol' : 'frame_error');

    this.#brokerOutput = new Output(scratch);
    this.#brokerWire = new DirectionWire(this.#brokerOutput, plane.capture, plane.clock);
    const brokerPacing = new Pacing();
    const towardsBroker = new TowardsBroker(session, this.#brokerWire, this.#brokerFlushes, this, brokerPacing, lost);
    this.#towardsBroker = towardsBroker;
    this.#appDecoder = new FrameDecoder(towardsBroker, observedFromApp, 'header', LOGIN_MAX_FRAME);
    session.onOpen = () => {
      this.#appDecoder.maxFrame = MAX_FRAME;
    };

    this.#appOutput = new Output(scratch);
    this.#appWire = new DirectionWire(this.#appOutput, plane.capture, plane.clock);
    const appPacing = new Pacing();
    this.#towardsApp = new TowardsApp(session, this.#appWire, this.#appFlushes, this, appPacing, lost);
    this.#brokerDecoder = new FrameDecoder(this.#towardsApp, observedFromBroker, 'frame');

    const { clock, observer } = plane;
    const shared = { scratch, tally: observer.traffic, clock };
    this.#toBroker = new Relay({
      ...shared,
      direction: 'upstream',
      from: app,
      to: broker,
      decoder: this.#appDecoder,
      follower: towardsBroker,
      output: this.#brokerOutput,
      flushes: this.#brokerFlushes,
      pacing: brokerPacing,
    });
    this.#toApp = new Relay({
      ...shared,
      direction: 'downstream',
      from: broker,
      to: app,
      decoder: this.#brokerDecoder,
      follower: this.#towardsApp,
      output: this.#appOutput,
      flushes: this.#appFlushes,
      pacing: appPacing,
      heldBack: () => session.inFlight.heldBack(),
    });
    this.#brokerWire.attach(this.#appDecoder, this.#toBroker);
    this.#appWire.attach(this.#brokerDecoder, this.#toApp);
    this.#faults = new FaultEndings(
      session,
      { wire: this.#brokerWire, sink: (channel) => towardsBroker.sink(channel) },
      { wire: this.#appWire, sink: (channel) => this.#towardsApp.sink(channel) },
      this,
    );
    session.onAnswer = () => this.#faults.answer();
    this.#join(app, broker, this.#toBroker, this.#toApp);
    this.#join(broker, app, this.#toApp, this.#toBroker);
    observer.traffic.connections(1);
    observer.emit({
      type: 'connection.opened',
      at: clock.micros(clock.now()),
      connection: id,
      client: `${app.remoteAddress}:${app.remotePort}`,
      brokerHost: upstream.host,
      brokerPort: upstream.port,
      bypass: plane.bypass ? 'bypass' : '',
    });
    if (plane.bypass) this.#pipe('bypass');
  }

  /** Ends travel as they came: a FIN behind all that was sent before it, a reset as a reset. */
  #join(from: Socket, to: Socket, forth: Relay, back: Relay): void {
    let reset = false;
    // a FIN or a reset of the app waits for shadow confirms like a close does
    const settled = (then: () => void): void => {
      if (from === this.#app) this.#hold.wait(0, then);
      else then();
    };
    from.on('end', () => {
      if (from === this.#app) {
        if (!to.readableEnded) this.#appVanished = true;
        if (this.#appDecoder.atBoundary) this.#towardsBroker.letGo();
        forth.send();
      }
      settled(() => {
        // a FIN right behind publishes makes the broker drop some (FACTS, C): our close goes first
        if (from === this.#app && this.#drain === 'app told') this.#closeBroker();
        else if (!to.destroyed && this.#drain !== 'broker told') to.end();
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
    this.#afterFlush(socket, () => {
      try {
        socket.resetAndDestroy();
      } catch {
        // TLS has no reset of its own
        socket.destroy();
      }
    });
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
    if (this.#closed) return;
    this.#closed = true;
    const { clock, observer } = this.#plane;
    const now = clock.now();
    this.#brokerFlushes.end(false, now);
    this.#appFlushes.end(false, now);
    if (this.#appVanished && this.#session.closing === undefined) this.#session.inFlight.end(now);
    const closing: Closing = this.#session.closing ?? { by: 'network', code: 0, text: '' };
    this.#session.end('connection_lost', now);
    this.#session.forget();
    observer.traffic.connections(-1);
    observer.traffic.connectionClosed(closing.by, closing.code);
    observer.emit({ type: 'connection.closed', at: clock.micros(now), connection: this.id, ...closing });
    this.#onClosed(this);
  }

  /** From here on both directions are passed on unread. */
  #pipe(reason: 'unknown_protocol' | 'bypass' | 'frame_error'): void {
    if (this.#bypassed) return;
    this.#bypassed = true;
    this.#plane.observer.traffic.bypassed(reason);
    this.#plane.observer.traffic.unobserved(reason);
    // one of the two is inside its chunk, and they share a scratch buffer: what the one has put
    // there must leave before the other puts anything
    this.#toBroker.send();
    this.#toApp.send();
    this.#towardsBroker.abandon();
    this.#hold.releaseAll();
    this.#toBroker.send();
    this.#towardsApp.letGo();
    this.#toApp.send();
    this.#appDecoder.lose();
    this.#toBroker.send();
    this.#brokerDecoder.lose();
    this.#toApp.send();
    this.#session.end('connection_lost', this.#plane.clock.now());
  }

  /** The plane has another configuration: for messages whose method comes from now on. */
  reconfigured(): void {
    this.#session.reconfigured();
    this.#towardsApp.rerouted();
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    this.#session.rerouted();
    this.#towardsApp.rerouted();
  }

  sweep(now: number): void {
    this.#session.sweep(now);
  }

  /** The orderly end from our side (DESIGN, Command line: SIGTERM). `closed` follows. */
  drain(): void {
    this.closeWith(CONNECTION_FORCED, 'CONNECTION_FORCED - tracehare is draining');
  }

  /** connection.close to both sides, in order. */
  closeWith(code: number, text: string): void {
    if (this.#drain !== 'none' || this.#closed) return;
    this.#toBroker.hurry();
    this.#toApp.hurry();
    this.#drain = 'asked';
    this.#farewell = { code, text };
    if (this.#bypassed || !this.#session.isOpen || this.#session.closing !== undefined) {
      this.#hangUp();
      return;
    }
    if (this.#brokerDecoder.atBoundary) {
      this.frameEnded();
      this.#toApp.send();
    }
    setTimeout(() => this.#closeBroker(), CLOSE_WAIT_MS).unref();
  }

  get isDue(): boolean {
    return this.#drain === 'asked';
  }

  /** TowardsApp: our close goes in behind the frame that just ended. */
  frameEnded(): void {
    if (this.#drain !== 'asked') return;
    this.#drain = 'app told';
    const { code, text } = this.#farewell;
    this.#session.closing ??= { by: 'tracehare', code, text };
    this.#towardsApp.letGo();
    this.#appOutput.add(closeFrame('connection.close', 0, code, text));
    this.#towardsApp.muted = true;
  }

  /** TowardsBroker: the app answered our close, or closes of its own accord at the same time. */
  appCloses(): boolean {
    if (this.#drain !== 'app told') return this.#drain === 'broker told';
    setImmediate(() => this.#closeBroker());
    return true;
  }

  #closeBroker(): void {
    if (this.#closed || this.#drain === 'broker told' || this.#drain === 'done') return;
    this.#drain = 'broker told';
    // inside a frame nothing can be said: the broker sees the connection end instead
    if (!this.#appDecoder.atBoundary || this.#broker.writableEnded) {
      this.#hangUp();
      return;
    }
    // like a close of the app's own
    this.#hold.wait(0, () => {
      if (!this.#appDecoder.atBoundary) {
        this.#hangUp();
        return;
      }
      this.#towardsBroker.letGo();
      const { code, text } = this.#farewell;
      this.#brokerOutput.add(closeFrame('connection.close', 0, code, text));
      // behind it: the beginning of a frame of the app may be among what is let go
      this.#appDecoder.lose();
      this.#toBroker.send();
      setTimeout(() => this.#hangUp(), CLOSE_WAIT_MS).unref();
    });
  }

  /** TowardsBroker: a close of the app goes now, or when the confirms we await are in. */
  letClose(channel: number, go: () => void): boolean {
    let inside = true;
    const waits = this.#hold.wait(channel, () => {
      if (inside) go();
      // another channel's body may be half way through: nothing can go in there
      else this.#brokerWire.onceAtBoundary(go);
    });
    inside = false;
    return !waits;
  }

  /** A fault ended before its time: what faults hold back goes. */
  release(): void {
    if (this.#bypassed || this.#closed) return;
    this.#brokerWire.onceAtBoundary(() => {
      for (const { outgoing, publishes } of this.#session.channels()) {
        outgoing?.line.flush();
        publishes.apart.revealAll();
      }
    });
    this.#appWire.onceAtBoundary(() => {
      for (const { incoming } of this.#session.channels()) incoming?.flush();
    });
  }

  /** A fault: both sides are gone for each other at once. What passed before still reaches the broker. */
  resetFor(text: string): void {
    if (this.#closed) return;
    this.#session.closing ??= { by: 'tracehare', code: 0, text };
    // what the app had not read is nobody's to know
    this.#session.inFlight.end(this.#plane.clock.now());
    this.#broker.destroySoon();
    try {
      this.#app.resetAndDestroy();
    } catch {
      // TLS has no reset of its own
      this.#app.destroy();
    }
  }

  /** A fault: nothing is read from either side for as long. */
  stall(on: boolean): void {
    this.#toBroker.hold('stall', on);
    this.#toApp.hold('stall', on);
  }

  faultEnds(channel: number, ending: Ending): void {
    this.#faults.end(channel, ending);
  }

  owesCloseOk(side: 'app' | 'broker', channel: number): void {
    this.#faults.answerClose(side, channel);
  }

  severed(channel: number): void {
    this.#faults.over(channel, (severed) => {
      this.#towardsBroker.reuse(severed);
      // a close of the connection goes behind what was sent on the number
      queueMicrotask(() => this.#hold.settled());
    });
  }

  answer(): void {
    this.#faults.answer();
  }

  /** TowardsApp: confirms came in. */
  confirmed(): void {
    // not before the chunk at hand is sent: the two directions share a scratch buffer
    if (!this.#hold.isEmpty) queueMicrotask(() => this.#hold.settled());
  }

  /** TowardsApp: the broker answered a close; true if it was ours. */
  brokerClosed(): boolean {
    if (this.#drain !== 'broker told') return false;
    setImmediate(() => this.#hangUp());
    return true;
  }

  #hangUp(): void {
    if (this.#drain === 'done') return;
    this.#drain = 'done';
    this.#session.closing ??= { by: 'tracehare', code: 0, text: 'draining' };
    for (const socket of [this.#app, this.#broker]) {
      socket.end();
      setTimeout(() => socket.destroy(), CLOSE_WAIT_MS).unref();
    }
  }
}
