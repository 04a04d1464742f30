import type { Socket } from 'node:net';
import { FrameDecoder, type FrameVisitor } from '../../amqp/frames.ts';
import { type Protocol, ProtocolDetector, type ProtocolName } from '../../amqp/protocol.ts';
import type { Plane } from '../plane/plane.ts';
import type { Direction as DirectionName } from '../ports/observer.ts';
import { RateLimiter } from '../routing/rate-limit.ts';
import type { Chunk } from '../stream/chunk.ts';
import { FrameBoundary } from '../stream/frame-boundary.ts';
import { Output, type Scratch } from '../stream/output.ts';
import { Relay } from '../stream/relay.ts';

/** Who follows the frames of one direction and lets them through. */
export interface Follower extends FrameVisitor {
  /** of the chunk at hand, ms of the monotonic clock */
  now: number;
  readonly chunk: Chunk;
  /** Lets go of frames that wait for others which won't be read any more. */
  letGo(): void;
}

export interface DirectionParts<F extends Follower> {
  name: DirectionName;
  from: Socket;
  to: Socket;
  /** the side it comes from, and the methods of that side that are looked at */
  by: 'app' | 'broker';
  observed: ReadonlySet<number>;
  /** bytes of the largest frame that is read whole */
  maxFrame?: number;
  /** who waits for `to` to be flushed */
  unflushed: { flushed(now: number): void };
  /** what is spoken, by its first bytes, is not followed: all of the connection has to be a pipe */
  unknown(opening: Uint8Array): void;
  /** the socket could not take all it was given */
  heldBack?: (now: number) => void;
  follow(boundary: FrameBoundary, limiter: RateLimiter): F;
}

/** One direction of a connection: bytes come from one socket, are followed frame by frame, and go to the other. */
export class Direction<F extends Follower> implements Protocol {
  readonly output: Output;
  readonly boundary: FrameBoundary;
  readonly follower: F;
  readonly decoder: FrameDecoder;
  readonly relay: Relay;
  /** what reads it: at first to find out what is spoken */
  #protocol: Protocol;
  /** undefined: too little has come to tell */
  speaks: ProtocolName | undefined;

  constructor(plane: Plane, scratch: Scratch, parts: DirectionParts<F>) {
    const { name, from, to, by, observed, maxFrame, unflushed, unknown, heldBack, follow } = parts;
    const limiter = new RateLimiter();
    this.output = new Output(scratch);
    this.boundary = new FrameBoundary(this.output, plane.capture, plane.clock);
    this.follower = follow(this.boundary, limiter);
    this.decoder = new FrameDecoder(this.follower, observed, maxFrame);
    this.#protocol = new ProtocolDetector(
      by,
      (buf, start, end) => this.follower.raw(buf, start, end, -1),
      (name, opening) => {
        this.#protocol = this.decoder;
        this.speaks = name;
        if (name !== 'AMQP 0-9-1') unknown(opening);
        return this.decoder;
      },
    );
    this.relay = new Relay({
      direction: name,
      from,
      to,
      protocol: this,
      follower: this.follower,
      output: this.output,
      scratch,
      unflushed,
      tally: plane.observer.traffic,
      clock: plane.clock,
      limiter,
      ...(heldBack && { heldBack }),
    });
    this.boundary.attach(this.decoder, this.relay);
  }

  push(buf: Uint8Array, start: number, end: number): number {
    return this.#protocol.push(buf, start, end);
  }

  stop(): void {
    this.#protocol.stop();
  }

  end(): void {
    this.#protocol.end();
  }

  /** Bytes of our own can go in here. */
  get atBoundary(): boolean {
    return this.decoder.atBoundary;
  }

  /** Sends what was let go of. From here on bytes pass unread; what the decoder held back goes first. */
  pipe(): void {
    this.#protocol = this.decoder;
    this.decoder.lose();
    this.relay.send();
  }
}
