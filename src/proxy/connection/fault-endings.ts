import { closeFrame, emptyFrame } from '../../amqp/methods.ts';
import { SeveredChannel } from '../fault-path/severed-channel.ts';
import type { Ending } from '../ports/verdict.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import type { FrameSink } from '../stream/delay-line.ts';
import type { FrameBoundary } from '../stream/frame-boundary.ts';

/** How a connection ends because of a fault. */
interface Endable {
  resetFor(text: string): void;
  closeWith(code: number, text: string): void;
}

/** One direction, and where frames of a channel go in it. */
interface Side {
  readonly boundary: FrameBoundary;
  readonly follower: { sink(channel: Channel | undefined): FrameSink };
}

/** Connections and channels that a fault ends, and what is told to an app about its publishes. */
export class FaultEndings {
  readonly #session: Session;
  readonly #upstream: Side;
  readonly #downstream: Side;
  readonly #connection: Endable;
  #answering = false;

  constructor(session: Session, upstream: Side, downstream: Side, connection: Endable) {
    this.#session = session;
    this.#upstream = upstream;
    this.#downstream = downstream;
    this.#connection = connection;
  }

  /** A message on this channel is struck by a fault that ends more than itself. */
  end(id: number, { what, how, code, text }: Ending): void {
    // not in the middle of a chunk: the two directions share a scratch buffer
    if (what === 'channel') queueMicrotask(() => this.#sever(id, code, text));
    else if (how === 'reset') queueMicrotask(() => this.#connection.resetFor(text));
    else queueMicrotask(() => this.#connection.closeWith(code, text));
  }

  #sever(id: number, code: number, text: string): void {
    const channel = this.#session.channel(id);
    if (channel === undefined || channel.severed !== undefined || !channel.state.isOpen) return;
    const severed = new SeveredChannel(code, text);
    channel.severed = severed;
    const frame = closeFrame('channel.close', id, code, text);
    const received = (): boolean => channel.delivering.isBetween && channel.returning === undefined;
    this.#tell(channel, this.#downstream, frame, received, () => {
      severed.appTold = true;
    });
    this.#tell(
      channel,
      this.#upstream,
      frame,
      () => channel.publishing.isBetween,
      () => {
        severed.brokerTold = true;
        channel.state.on('closed by broker');
      },
    );
  }

  /** Sends `frame` to this side, but never between the frames of a message of the channel. */
  #tell(
    channel: Channel,
    { boundary, follower }: Side,
    frame: Uint8Array,
    isBetween: () => boolean,
    told: () => void,
  ): void {
    const go = (): void => {
      if (this.#session.channel(channel.id) !== channel) return;
      if (!isBetween()) {
        boundary.later(go);
        return;
      }
      follower.sink(channel).add(frame);
      told();
    };
    boundary.onceAtBoundary(go);
  }

  /** A side closes a channel that we have closed towards it too: the closes crossed, and it still waits for a close-ok. */
  answerClose(side: 'app' | 'broker', id: number): void {
    const { boundary, follower } = side === 'app' ? this.#downstream : this.#upstream;
    // behind our close, which a fault may still delay
    const go = (): void => follower.sink(this.#session.channel(id)).add(emptyFrame('channel.close-ok', id));
    queueMicrotask(() => boundary.onceAtBoundary(go));
  }

  /** Both sides have answered: the number is free, and used again if the app has done so already. */
  over(id: number, replay: (severed: SeveredChannel) => void): void {
    queueMicrotask(() =>
      this.#upstream.boundary.onceAtBoundary(() => {
        const severed = this.#session.channel(id)?.severed;
        if (severed === undefined) return;
        this.#session.forgetChannel(id);
        replay(severed);
      }),
    );
  }

  /** Channels have answers for the app. */
  answer(): void {
    if (this.#answering) return;
    this.#answering = true;
    queueMicrotask(() => {
      this.#answering = false;
      this.#downstream.boundary.onceAtBoundary(() => {
        for (const channel of this.#session.channels()) channel.giveAnswers(this.#downstream.follower.sink(channel));
      });
    });
  }
}
