import { type FieldTable, MalformedError, readU64, writeU64 } from '../../amqp/fields.ts';
import { type Arguments, confirmFrame, readMethod } from '../../amqp/methods.ts';
import { FRAME_HEAD, keyOf, type MethodName, methodNames, methods } from '../../amqp/spec.ts';
import type { InFlight } from '../delivering/auto-ack-in-flight.ts';
import { DeliveryContent } from '../delivering/delivery-frames.ts';
import { type Consumer, Deliveries } from '../delivering/delivery-tracker.ts';
import type { PublishPath } from '../fault-path/publish-path.ts';
import type { Severed } from '../fault-path/severed-channel.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { RequeueReason, UnknownReason } from '../ports/observer.ts';
import { PublishContent } from '../publishing/publish-frames.ts';
import { Publishes } from '../publishing/publish-tracker.ts';
import type { Returning } from '../stream/chunk.ts';
import type { DelayLine, FrameSink } from '../stream/delay-line.ts';
import { Consumers } from './consumers.ts';

/** A request of the app that the broker will answer, in order, on this channel. */
interface Request {
  reply: MethodName;
  /** how much had passed when it was sent: what its reply is a barrier for, or commits */
  publishes: number;
  settlements: number;
  /** consumers that the app had cancelled without waiting for an answer */
  left: readonly Consumer[];
  consume?: { queue: string; noAck: boolean };
  get?: Consumer;
  declare?: { deadLetters: boolean };
  cancel?: string;
}

const DELIVER = keyOf('basic.deliver');
/** Methods whose answer has another name than `<method>-ok`. */
const GET_OK = keyOf('basic.get-ok');
const GET_EMPTY = keyOf('basic.get-empty');

export interface ChannelContext extends Scope {
  readonly plane: Plane;
  readonly connection: number;
  /** of the connection */
  readonly inFlight: InFlight;
  /** a channel has answers of ours for the app */
  answering(): void;
}

/** Everything known of one open channel. */
export class Channel {
  readonly id: number;
  readonly publishes: Publishes;
  readonly deliveries: Deliveries;
  readonly publishing: PublishContent;
  readonly delivering: DeliveryContent;
  /** a basic.return whose header has yet to tell who asked for it */
  returning: Returning | undefined;
  /** body bytes to come of a return that only we asked for: they are streamed away */
  swallowing = 0;
  /** from the first fault on a publish: where its frames go */
  outgoing: PublishPath | undefined;
  /** from the first fault on a delivery */
  incoming: DelayLine | undefined;
  /** a fault closes it */
  severed: Severed | undefined;
  /** confirms of ours for the app */
  #answers: Uint8Array[] = [];
  readonly #context: ChannelContext;
  readonly #consumers: Consumers;
  readonly #requests: Request[] = [];
  /** what an empty queue name means */
  #lastQueue = '';
  #got: Consumer | undefined;

  constructor(id: number, context: ChannelContext) {
    const { plane, connection, vhost, inFlight } = context;
    this.id = id;
    this.#context = context;
    this.publishes = new Publishes(plane, connection, id, (tag, ack) => {
      this.#answers.push(confirmFrame(id, tag, ack));
      context.answering();
    });
    this.deliveries = new Deliveries(plane, connection, id, vhost, inFlight);
    this.publishing = new PublishContent(plane, context);
    this.delivering = new DeliveryContent(plane, context);
    this.#consumers = new Consumers(context, id, () => this.delivering.forget());
  }

  /** The plane's tables of routes are others now: for messages whose method comes from now on. */
  rerouted(): void {
    this.publishing.rerouted();
    this.#consumers.rerouted(this.#requests.flatMap(({ get }) => get ?? []));
  }

  /** A method of the app other than basic.publish and the closing of the channel. Throws MalformedError. */
  fromApp(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    const name = methodNames.get(key);
    if (name === undefined) return;
    const at = start + FRAME_HEAD + 4;
    switch (name) {
      case 'basic.ack':
        holdsTag(name, at, end);
        this.deliveries.settle(
          { how: 'ack', tag: readU64(buf, at), multiple: (buf[at + 8] & 1) !== 0, requeue: false },
          now,
        );
        return;
      case 'basic.nack':
        holdsTag(name, at, end);
        this.deliveries.settle(
          {
            how: 'nack',
            tag: readU64(buf, at),
            multiple: (buf[at + 8] & 1) !== 0,
            requeue: (buf[at + 8] & 2) !== 0,
          },
          now,
        );
        return;
      case 'basic.reject':
        holdsTag(name, at, end);
        this.deliveries.settle(
          { how: 'reject', tag: readU64(buf, at), multiple: false, requeue: (buf[at + 8] & 1) !== 0 },
          now,
        );
        return;
      case 'basic.recover-async':
        this.deliveries.recover(now);
        return;
      case 'basic.consume':
        this.#consume(readMethod(name, buf, start, end), now);
        return;
      case 'basic.cancel':
        this.#cancel(readMethod(name, buf, start, end));
        return;
      case 'basic.get': {
        const { queue, noAck } = readMethod(name, buf, start, end);
        this.#ask({ reply: 'basic.get-ok', get: this.#consumers.source('', queue || this.#lastQueue, noAck) });
        return;
      }
      case 'queue.declare':
        this.#declare(readMethod(name, buf, start, end));
        return;
      case 'confirm.select': {
        const { nowait } = readMethod(name, buf, start, end);
        if (!nowait) this.#ask({ reply: 'confirm.select-ok' });
        // publishes may follow before the answer: a select that fails closes the channel
        this.publishes.numbers.select('confirm');
        return;
      }
      case 'tx.select':
        this.#ask({ reply: 'tx.select-ok' });
        if (this.publishes.numbers.mode === 'confirm') return;
        this.publishes.numbers.select('tx');
        this.deliveries.transactional();
        return;
      case 'exchange.declare': {
        const { exchange, type, passive, nowait } = readMethod(name, buf, start, end);
        if (!passive && type === 'x-delayed-message') {
          this.#context.plane.noteDelaying(this.#context.vhost, exchange);
        }
        if (!nowait) this.#ask({ reply: 'exchange.declare-ok' });
        return;
      }
      default: {
        const reply = `${name}-ok` as MethodName;
        // an app that sends a broker's method gets no answer
        if (!(reply in methods)) return;
        const { nowait } = readMethod(name, buf, start, end) as { nowait?: boolean };
        if (nowait !== true) this.#ask({ reply });
      }
    }
  }

  /** Confirms that we owe the app, unless it still waits for confirm.select-ok. */
  giveAnswers(sink: FrameSink): void {
    if (this.#answers.length === 0 || this.#requests.some(({ reply }) => reply === 'confirm.select-ok')) return;
    const answers = this.#answers.splice(0);
    if (this.publishes.discarded === undefined && this.severed === undefined)
      for (const frame of answers) sink.add(frame);
  }

  /** Confirms of ours wait for their turn to go to the app. */
  get isAnswering(): boolean {
    return this.#answers.length > 0;
  }

  /** The consumer of that tag. */
  consumer(buf: Uint8Array, start: number, end: number): Consumer | undefined {
    return this.delivering.consumer(buf, start, end, this.#consumers.byTag);
  }

  /**
   * basic.ack or basic.nack of the broker, ended here and, where the app asked for confirms too,
   * left in the frame with the tag it knows. False: the app knows nothing of this one.
   */
  confirm(ack: boolean, buf: Uint8Array, start: number, end: number, now: number): boolean {
    const at = start + FRAME_HEAD + 4;
    holdsTag('basic.ack', at, end);
    const tag = readU64(buf, at);
    if (this.publishes.apart.isOn) {
      this.publishes.confirmedApart(tag, (buf[at + 8] & 1) !== 0, ack, now);
      return false;
    }
    const appTag = this.publishes.numbers.appTag(tag);
    this.publishes.confirmed(tag, (buf[at + 8] & 1) !== 0, ack, now);
    if (appTag !== tag && appTag >= 0) writeU64(buf, at, appTag);
    return appTag >= 0;
  }

  /**
   * A method of the broker other than confirms, returns and the closing of the channel. Throws
   * MalformedError.
   */
  fromBroker(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    if (key === DELIVER) {
      this.delivering.deliver(buf, start, end, now, this.#consumers.byTag);
      return;
    }
    const name = methodNames.get(key);
    switch (name) {
      case undefined:
        return;
      case 'basic.cancel':
        this.#consumers.cancelled(readMethod(name, buf, start, end).consumerTag, now);
        return;
      default: {
        const request = this.#answered(key);
        if (request === undefined) return;
        this.#reply(name, request, buf, start, end, now);
      }
    }
  }

  #reply(name: MethodName, request: Request, buf: Uint8Array, start: number, end: number, now: number): void {
    this.publishes.barrier(request.publishes, now);
    this.#consumers.forget(request.left);
    switch (name) {
      case 'basic.get-ok':
        this.#got = request.get;
        if (this.#got !== undefined) this.delivering.got(buf, start, end, now, this.#got);
        return;
      case 'basic.consume-ok': {
        const { consumerTag } = readMethod(name, buf, start, end);
        if (request.consume !== undefined) {
          this.#consumers.started(consumerTag, request.consume.queue, request.consume.noAck, now);
        }
        return;
      }
      case 'basic.cancel-ok':
        if (request.cancel !== undefined) this.#consumers.stopped(request.cancel, now);
        return;
      case 'queue.declare-ok': {
        const { queue } = readMethod(name, buf, start, end);
        this.#lastQueue = queue;
        if (request.declare?.deadLetters) this.#context.plane.noteDeadLettering(this.#context.vhost, queue);
        return;
      }
      case 'basic.recover-ok':
        this.deliveries.recover(now);
        return;
      case 'tx.commit-ok':
        this.publishes.committed(request.publishes, now);
        this.deliveries.committed(request.settlements, now);
        return;
      case 'tx.rollback-ok':
        this.publishes.rolledBack(request.publishes);
        this.deliveries.rolledBack(request.settlements);
        return;
      default:
        return;
    }
  }

  /** Publishes that passed before the latest tx.commit still without its answer, 0 if there is none. */
  #committing(): number {
    let sequence = 0;
    for (const request of this.#requests) if (request.reply === 'tx.commit-ok') sequence = request.publishes;
    return sequence;
  }

  /**
   * The channel ends: by the app (`unconfirmed_at_close`), by the broker (`channel_error`) or with
   * its connection. Every open message gets its outcome.
   */
  end(unknown: UnknownReason, requeued: RequeueReason, now: number, code = 0, reply = ''): void {
    this.publishes.end(unknown, this.#committing(), now, code, reply);
    this.deliveries.requeueAll(requeued, now);
    this.#consumers.end(now);
    this.#requests.length = 0;
  }

  /** The app asked to close: its close-ok will say that all returns have come. */
  closing(): void {
    this.#ask({ reply: 'channel.close-ok' });
  }

  /** channel.close-ok of the broker. */
  closed(now: number): void {
    const request = this.#answered(keyOf('channel.close-ok'));
    if (request !== undefined) this.publishes.barrier(request.publishes, now);
  }

  #ask(request: Omit<Request, 'publishes' | 'settlements' | 'left'>): void {
    this.#requests.push({
      ...request,
      publishes: this.publishes.numbers.sequence,
      settlements: this.deliveries.uncommitted,
      left: this.#consumers.leaving,
    });
  }

  /** The request this reply answers. Replies come in order; one that does not fit is nobody's. */
  #answered(key: number): Request | undefined {
    const wanted = key === GET_EMPTY ? GET_OK : key;
    const at = this.#requests.findIndex((request) => keyOf(request.reply) === wanted);
    return at < 0 ? undefined : this.#requests.splice(0, at + 1).at(-1);
  }

  #consume({ queue, consumerTag, noAck, nowait }: Arguments<'basic.consume'>, now: number): void {
    const consume = { queue: queue || this.#lastQueue, noAck };
    if (nowait) this.#consumers.started(consumerTag, consume.queue, noAck, now);
    else this.#ask({ reply: 'basic.consume-ok', consume });
  }

  #cancel({ consumerTag, nowait }: Arguments<'basic.cancel'>): void {
    if (nowait) this.#consumers.leaves(consumerTag);
    else this.#ask({ reply: 'basic.cancel-ok', cancel: consumerTag });
  }

  #declare({ queue, passive, nowait, arguments: args }: Arguments<'queue.declare'>): void {
    const deadLetters = !passive && deadLettersByArguments(args);
    if (!nowait) this.#ask({ reply: 'queue.declare-ok', declare: { deadLetters } });
    else {
      if (queue !== '') this.#lastQueue = queue;
      if (deadLetters) this.#context.plane.noteDeadLettering(this.#context.vhost, queue);
    }
  }
}

const deadLettersByArguments = (args: FieldTable): boolean => typeof args['x-dead-letter-exchange'] === 'string';

/** Ack, nack and reject are read in place: their tag and bits must lie in front of the frame's end. */
function holdsTag(name: MethodName, at: number, end: number): void {
  if (at + 10 > end) throw new MalformedError(name);
}
