import { closeFrame, emptyFrame } from '../../amqp/methods.ts';
import { Severed } from '../fault-path/severed-channel.ts';
import type { Ending } from '../ports/verdict.ts';
import type { Channel } from '../session/channel.ts';
import type { Session } from '../session/session.ts';
import type { FrameSink } from '../stream/delay-line.ts';
import type { DirectionWire } from '../stream/frame-boundary.ts';

/** How a connection ends because of a fault. */
interface Endable {
  resetFor(text: string): void;
  closeWith(code: number, text: string): void;
}

/** One direction, and where frames of a channel go in it. */
interface Side {
  wire: DirectionWire;
  sink(channel: Channel): FrameSink;
}

/** Connections and channels that a fault ends, and what is told to an app about its publishes. */
export class FaultEndings {
  readonly #session: Session;
  readonly #broker: Side;
  readonly #app: Side;
  readonly #connection: Endable;
  #answering = false;

  constructor(session: Session, broker: Side, app: Side, connection: Endable) {
    this.#session = session;
    this.#broker = broker;
    this.#app = app;
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
    if (channel === undefined || channel.severed !== undefined || channel.publishes.discarded !== undefined) return;
    const severed = new Severed(code, text);
    channel.severed = severed;
    const frame = closeFrame('channel.close', id, code, text);
    const received = (): boolean => channel.delivering.isBetween && channel.returning === undefined;
    this.#tell(channel, this.#app, frame, received, () => {
      severed.appTold = true;
    });
    this.#tell(
      channel,
      this.#broker,
      frame,
      () => channel.publishing.isBetween,
      () => {
        severed.brokerTold = true;
        channel.publishes.discarded = 'channel_error';
      },
    );
  }

  /** Never between the frames of a message of this channel. */
  #tell(channel: Channel, { wire, sink }: Side, frame: Uint8Array, isBetween: () => boolean, told: () => void): void {
    const go = (): void => {
      if (this.#session.channel(channel.id) !== channel) return;
      if (!isBetween()) {
        wire.later(go);
        return;
      }
      sink(channel).add(frame);
      told();
    };
    wire.onceAtBoundary(go);
  }

  /** channel.close of a side that we have told the same: it is owed an answer all the same. */
  answerClose(side: 'app' | 'broker', id: number): void {
    const { wire } = side === 'app' ? this.#app : this.#broker;
    queueMicrotask(() => wire.onceAtBoundary(() => wire.output.add(emptyFrame('channel.close-ok', id))));
  }

  /** Both sides have answered: the number is free, and used again if the app has done so already. */
  over(id: number, replay: (severed: Severed) => void): void {
    queueMicrotask(() =>
      this.#broker.wire.onceAtBoundary(() => {
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
      this.#app.wire.onceAtBoundary(() => {
        for (const channel of this.#session.channels()) channel.giveAnswers(this.#app.sink(channel));
      });
    });
  }
}
