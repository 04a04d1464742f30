import { type FieldTable, MalformedError, readU64, writeU64 } from '../../amqp/fields.ts';
import { type Arguments, confirmFrame, readMethod } from '../../amqp/methods.ts';
import { FRAME_HEAD, keyOf, type MethodName, methodNames, methods } from '../../amqp/spec.ts';
import type { AutoAckInFlight } from '../delivering/auto-ack-in-flight.ts';
import type { Consumer } from '../delivering/consumer.ts';
import { DeliveryFrames } from '../delivering/delivery-frames.ts';
import type { DeliveryReading } from '../delivering/delivery-reading.ts';
import { DeliveryTracker, type Settlement } from '../delivering/delivery-tracker.ts';
import type { PublishPath } from '../fault-path/publish-path.ts';
import type { SeveredChannel } from '../fault-path/severed-channel.ts';
import { ChannelState } from '../open-messages/channel-state.ts';
import type { Unflushed } from '../open-messages/unflushed.ts';
import { Detours } from '../plane/detours.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { RequeueReason, UnknownReason } from '../ports/observer.ts';
import type { BrokerSilence } from '../publishing/broker-silence.ts';
import type { HeaderInjection } from '../publishing/header-injection.ts';
import { PublishFrames } from '../publishing/publish-frames.ts';
import { NO_REPLY, type Reply } from '../publishing/publish-outcomes.ts';
import { PublishTracker } from '../publishing/publish-tracker.ts';
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
  declare?: { deadLetters: boolean; alsoRefused: boolean };
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
  readonly inFlight: AutoAckInFlight;
  /** who waits for the broker's and the app's socket to be flushed */
  readonly upstreamUnflushed: Unflushed;
  readonly downstreamUnflushed: Unflushed;
  /** of the connection's broker */
  readonly silence: BrokerSilence;
  readonly injection: HeaderInjection;
  readonly reading: DeliveryReading;
  /** a channel has answers of ours for the app */
  answering(): void;
}

/** Everything known of one open channel. */
export class Channel implements Scope {
  readonly id: number;
  readonly vhost: string;
  readonly pipeline: string;
  readonly app: string;
  readonly client: Scope['client'];
  readonly state = new ChannelState();
  /** why messages can't pass in one loop */
  readonly upstreamDetours = new Detours();
  readonly downstreamDetours = new Detours();
  readonly publishes: PublishTracker;
  readonly deliveries: DeliveryTracker;
  readonly publishing: PublishFrames;
  readonly delivering: DeliveryFrames;
  readonly consumers: Consumers;
  #returning: Returning | undefined;
  #swallowing = 0;
  #outgoing: PublishPath | undefined;
  #incoming: DelayLine | undefined;
  #severed: SeveredChannel | undefined;
  /** confirms of ours for the app */
  #answers: Uint8Array[] = [];
  readonly #context: ChannelContext;
  readonly #requests: Request[] = [];
  /** methods that the app has sent without asking for an answer */
  readonly #unasked = new Set<number>();
  /** what an empty queue name means */
  #lastQueue = '';

  constructor(id: number, context: ChannelContext) {
    const { plane, connection, vhost, inFlight, upstreamUnflushed, downstreamUnflushed, silence } = context;
    this.id = id;
    this.vhost = vhost;
    this.pipeline = context.pipeline;
    this.app = context.app;
    this.client = context.client;
    this.#context = context;
    this.publishes = new PublishTracker(
      plane,
      vhost,
      connection,
      id,
      this.state,
      silence,
      upstreamUnflushed,
      (tag, ack) => {
        this.#answers.push(confirmFrame(id, tag, ack));
        this.downstreamDetours.set('answering', true);
        context.answering();
      },
    );
    this.deliveries = new DeliveryTracker(plane, connection, id, vhost, downstreamUnflushed, inFlight);
    this.publishing = new PublishFrames(plane, context, this.upstreamDetours, context.injection);
    this.delivering = new DeliveryFrames(plane, context, this.downstreamDetours, context.reading);
    this.consumers = new Consumers(context, id);
  }

  /** A basic.return whose header has yet to tell who asked for it. */
  get returning(): Returning | undefined {
    return this.#returning;
  }

  set returning(returning: Returning | undefined) {
    this.#returning = returning;
    this.downstreamDetours.set('returning', returning !== undefined || this.#swallowing > 0);
  }

  /** Body bytes to come of a message that the app shall not see: they are streamed away. */
  get swallowing(): number {
    return this.#swallowing;
  }

  set swallowing(bytes: number) {
    this.#swallowing = bytes;
    this.downstreamDetours.set('returning', bytes > 0 || this.#returning !== undefined);
  }

  /** From the first fault on a publish: where its frames go. */
  get outgoing(): PublishPath | undefined {
    return this.#outgoing;
  }

  set outgoing(path: PublishPath | undefined) {
    this.#outgoing = path;
    this.upstreamDetours.set('fault path', path !== undefined);
  }

  /** From the first fault on a delivery. */
  get incoming(): DelayLine | undefined {
    return this.#incoming;
  }

  set incoming(line: DelayLine | undefined) {
    this.#incoming = line;
    this.downstreamDetours.set('fault path', line !== undefined);
  }

  /** A fault closes it. */
  get severed(): SeveredChannel | undefined {
    return this.#severed;
  }

  set severed(severed: SeveredChannel | undefined) {
    this.#severed = severed;
    for (const detours of [this.upstreamDetours, this.downstreamDetours]) detours.set('severed', severed !== undefined);
  }

  /** The plane's tables of routes are others now: for messages whose method comes from now on. */
  rerouted(): void {
    this.publishing.rerouted();
    this.consumers.rerouted();
    for (const { get } of this.#requests) get?.rerouted();
  }

  /** A method of the app other than basic.publish and the closing of the channel. Throws MalformedError. */
  fromApp(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    const asked = this.#requests.length;
    this.#fromApp(key, buf, start, end, now);
    if (this.#requests.length === asked) this.#unasked.add(key);
  }

  /**
   * The broker closes the channel because of the app's method `key`. It had read all that passed before that one; which
   * of them it was is known if each of them is answered.
   */
  refused(key: number, now: number): void {
    const [request] = this.#requests;
    if (request === undefined || this.#unasked.has(key)) return;
    if (request.reply === `${methodNames.get(key)}-ok`) this.publishes.barrier(request.publishes, now);
  }

  #fromApp(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    const name = methodNames.get(key);
    if (name === undefined) return;
    const at = start + FRAME_HEAD + 4;
    switch (name) {
      case 'basic.ack':
        holdsTag(name, at, end);
        this.#settle('ack', readU64(buf, at), (buf[at + 8] & 1) !== 0, false, now);
        return;
      case 'basic.nack':
        holdsTag(name, at, end);
        this.#settle('nack', readU64(buf, at), (buf[at + 8] & 1) !== 0, (buf[at + 8] & 2) !== 0, now);
        return;
      case 'basic.reject':
        holdsTag(name, at, end);
        this.#settle('reject', readU64(buf, at), false, (buf[at + 8] & 1) !== 0, now);
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
        this.#ask({ reply: 'basic.get-ok', get: this.consumers.get(queue || this.#lastQueue, noAck) });
        return;
      }
      case 'queue.declare':
        this.#declare(readMethod(name, buf, start, end));
        return;
      case 'confirm.select': {
        const { nowait } = readMethod(name, buf, start, end);
        if (!nowait) this.#ask({ reply: 'confirm.select-ok' });
        // publishes may follow before the answer: a select that fails closes the channel
        if (this.state.word === 'transactional') return;
        this.state.on('confirm.select');
        this.publishes.numbers.select();
        return;
      }
      case 'tx.select':
        this.#ask({ reply: 'tx.select-ok' });
        if (this.state.word === 'confirming') return;
        this.state.on('tx.select');
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
    this.downstreamDetours.set('answering', false);
    if (this.state.isOpen && this.severed === undefined) for (const frame of answers) sink.add(frame);
  }

  /** We select confirms ahead of a publish. */
  selectShadowConfirms(): void {
    this.state.on('confirm.select');
    this.publishes.numbers.selectShadow();
  }

  #settle(how: Settlement['how'], tag: number, multiple: boolean, requeue: boolean, now: number): void {
    // a single settlement of no tag is wrong: the broker will say so
    if (multiple || tag > 0) this.deliveries.settle({ how, from: multiple ? 0 : tag, to: tag, requeue }, now);
  }

  /**
   * basic.ack or basic.nack of the broker, ended here and, where the app asked for confirms too,
   * left in the frame with the tag it knows. False: the app knows nothing of this one.
   */
  confirm(ack: boolean, buf: Uint8Array, start: number, end: number, now: number): boolean {
    const at = start + FRAME_HEAD + 4;
    holdsTag('basic.ack', at, end);
    const tag = readU64(buf, at);
    const multiple = (buf[at + 8] & 1) !== 0;
    if (this.publishes.translator.isOn) {
      this.publishes.confirmedOneByOne(tag, multiple, ack, now);
      return false;
    }
    const appTag = this.publishes.numbers.appTag(tag);
    // a single confirm of no tag is wrong, and nobody's
    if (multiple || tag > 0) this.publishes.confirmed(multiple ? 0 : tag, tag, ack, now);
    if (appTag !== tag && appTag >= 0) writeU64(buf, at, appTag);
    return appTag >= 0;
  }

  /**
   * A method of the broker other than confirms, returns and the closing of the channel. Throws
   * MalformedError.
   */
  fromBroker(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    if (key === DELIVER) {
      this.delivering.deliver(buf, start, end, now, this.consumers.find);
      return;
    }
    const name = methodNames.get(key);
    switch (name) {
      case undefined:
        return;
      case 'basic.cancel':
        this.consumers.cancelled(readMethod(name, buf, start, end).consumerTag, now);
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
    this.consumers.forget(request.left);
    switch (name) {
      case 'basic.get-ok':
        if (request.get !== undefined) this.delivering.got(buf, start, end, now, request.get);
        return;
      case 'basic.consume-ok': {
        const { consumerTag } = readMethod(name, buf, start, end);
        if (request.consume !== undefined) {
          this.consumers.started(consumerTag, request.consume.queue, request.consume.noAck, now);
        }
        return;
      }
      case 'basic.cancel-ok':
        if (request.cancel !== undefined) this.consumers.stopped(request.cancel, now);
        return;
      case 'queue.declare-ok': {
        const { queue } = readMethod(name, buf, start, end);
        this.#lastQueue = queue;
        if (request.declare?.deadLetters) this.#context.plane.noteDeadLettering(this.#context.vhost, queue);
        if (request.declare?.alsoRefused) this.#context.plane.noteDeadLetteringRefused(this.#context.vhost, queue);
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
  end(unknown: UnknownReason, requeued: RequeueReason, now: number, reply: Reply = NO_REPLY): void {
    this.publishes.end(unknown, this.#committing(), now, reply);
    this.deliveries.requeueAll(requeued, now);
    this.consumers.end(now);
    this.#requests.length = 0;
  }

  /** The app asked to close: its close-ok will say that all returns have come. */
  askedToClose(): void {
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
      left: this.consumers.leaving,
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
    if (nowait) this.consumers.started(consumerTag, consume.queue, noAck, now);
    else this.#ask({ reply: 'basic.consume-ok', consume });
  }

  #cancel({ consumerTag, nowait }: Arguments<'basic.cancel'>): void {
    if (nowait) this.consumers.leaves(consumerTag);
    else this.#ask({ reply: 'basic.cancel-ok', cancel: consumerTag });
  }

  #declare({ queue, passive, nowait, arguments: args }: Arguments<'queue.declare'>): void {
    const deadLetters = !passive && deadLettersByArguments(args);
    const alsoRefused = deadLetters && args['x-overflow'] === 'reject-publish-dlx';
    if (!nowait) this.#ask({ reply: 'queue.declare-ok', declare: { deadLetters, alsoRefused } });
    else {
      if (queue !== '') this.#lastQueue = queue;
      if (deadLetters) this.#context.plane.noteDeadLettering(this.#context.vhost, queue);
      if (alsoRefused) this.#context.plane.noteDeadLetteringRefused(this.#context.vhost, queue);
    }
  }
}

const deadLettersByArguments = (args: FieldTable): boolean => typeof args['x-dead-letter-exchange'] === 'string';

/** Ack, nack and reject are read in place: their tag and bits must lie in front of the frame's end. */
function holdsTag(name: MethodName, at: number, end: number): void {
  if (at + 10 > end) throw new MalformedError(name);
}
