import { MalformedError, readU64, writeU64 } from '../../amqp/fields.ts';
import { type Arguments, confirmFrame, readMethod } from '../../amqp/methods.ts';
import { FRAME_HEAD, keyOf, type MethodName, methodNames, methods } from '../../amqp/spec.ts';
import type { AutoAckInFlight } from '../delivering/auto-ack-in-flight.ts';
import { DeliveryFrames } from '../delivering/delivery-frames.ts';
import type { DeliveryReading } from '../delivering/delivery-reading.ts';
import { DeliveryTracker } from '../delivering/delivery-tracker.ts';
import type { Settlement } from '../delivering/settlement.ts';
import type { HeldSettlements } from '../fault-path/held-settlements.ts';
import type { PublishPath } from '../fault-path/publish-path.ts';
import type { SeveredChannel } from '../fault-path/severed-channel.ts';
import { ChannelState } from '../open-messages/channel-state.ts';
import type { Unflushed } from '../open-messages/unflushed.ts';
import type { Correlation } from '../plane/correlation.ts';
import { limitByArguments } from '../plane/delivery-limits.ts';
import { Detours } from '../plane/detours.ts';
import type { Habits } from '../plane/habits.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { RequeueReason, UnknownReason } from '../ports/observer.ts';
import type { BrokerSilence } from '../publishing/broker-silence.ts';
import type { HeaderInjection } from '../publishing/header-injection.ts';
import { PublishFrames } from '../publishing/publish-frames.ts';
import { NO_REPLY, type Reply } from '../publishing/publish-outcomes.ts';
import { PublishTracker } from '../publishing/publish-tracker.ts';
import type { Returning } from '../stream/chunk.ts';
import type { DelayLine, FrameSink } from '../stream/delay-line.ts';
import { type ConsumerBudget, Consumers } from './consumers.ts';
import type { Declarations } from './declarations.ts';
import { type Request, type RequestBudget, Requests } from './requests.ts';

const DELIVER = keyOf('basic.deliver');
const CONFIRM_SELECT_OK = keyOf('confirm.select-ok');
const CHANNEL_CLOSE_OK = keyOf('channel.close-ok');
/** A queue that the broker has named `amq.gen-` and something. */
const UNTOLD_QUEUE = 'amq.gen-';
/** Methods that the broker closes the channel at if they name a delivery tag that is not open. */
const SETTLING = new Set(['basic.ack', 'basic.reject', 'basic.nack'].map((name) => keyOf(name as MethodName)));

export interface ChannelContext extends Scope {
  readonly plane: Plane;
  readonly connection: number;
  /** of the connection */
  readonly inFlight: AutoAckInFlight;
  /** of the connection: what is remembered of requests and consumers */
  readonly requests: RequestBudget;
  readonly consumers: ConsumerBudget;
  /** who waits for the broker's and the app's socket to be flushed */
  readonly upstreamUnflushed: Unflushed;
  readonly downstreamUnflushed: Unflushed;
  /** of the connection's broker */
  readonly silence: BrokerSilence;
  readonly injection: HeaderInjection;
  readonly reading: DeliveryReading;
  readonly correlation: Correlation;
  /** what is found out of queues and exchanges */
  readonly declarations: Declarations;
  readonly habits: Habits;
  /** a basic.nack that requeues counts towards a queue's delivery limit */
  readonly nackCounts: boolean;
  /** a channel has answers of ours for the app */
  answering(): void;
}

/**
 * Everything known of one open channel.
 *
 * One file because what the app asks and what the broker answers are read side by side: a request remembers what its reply
 * is about.
 */
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
  /** deliveries without settlement that the broker sends at most: to each consumer, and on the channel; 0: no limit */
  readonly prefetch = { consumer: 0, channel: 0 };
  /** the app owes it a close-ok */
  isClosedByBroker = false;
  #returning: Returning | undefined;
  #swallowing = 0;
  #outgoing: PublishPath | undefined;
  #incoming: DelayLine | undefined;
  #heldSettlements: HeldSettlements | undefined;
  #severed: SeveredChannel | undefined;
  /** confirms of ours for the app */
  #answers: Uint8Array[] = [];
  readonly #context: ChannelContext;
  readonly #requests: Requests;
  /** the queue that an empty name stands for: the last one declared */
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
      context.habits,
      (tag, ack) => {
        this.#answers.push(confirmFrame(id, tag, ack));
        this.downstreamDetours.set('answering', true);
        context.answering();
      },
    );
    const { nackCounts } = context;
    this.deliveries = new DeliveryTracker(
      plane,
      connection,
      id,
      vhost,
      this.state,
      downstreamUnflushed,
      inFlight,
      nackCounts,
      context.correlation,
      context.habits,
    );
    this.publishing = new PublishFrames(plane, context, id, this.upstreamDetours, context.injection);
    this.delivering = new DeliveryFrames(plane, context, this.downstreamDetours, context.reading);
    this.consumers = new Consumers(context, id);
    this.#requests = new Requests(context.requests);
  }

  /** Messages of both directions so far. */
  get messages(): number {
    return this.publishes.numbers.sequence + this.deliveries.count;
  }

  /** A basic.return that waits for its content header, which tells whether the app asked for it or we did. */
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

  /** From the first delivery on whose settlement a fault holds. */
  get heldSettlements(): HeldSettlements | undefined {
    return this.#heldSettlements;
  }

  set heldSettlements(held: HeldSettlements | undefined) {
    this.#heldSettlements = held;
    this.upstreamDetours.set('settlements held', held !== undefined);
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
  }

  /** A method of the app other than basic.publish and the closing of the channel. Throws MalformedError. */
  fromApp(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    // the broker discards it
    if (!this.state.isOpen) return;
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
        this.deliveries.recovers();
        this.deliveries.recover(now);
        return;
      case 'basic.recover':
        this.deliveries.recovers();
        this.#ask({ reply: 'basic.recover-ok' });
        return;
      case 'tx.commit':
        this.deliveries.commits();
        this.#ask({ reply: 'tx.commit-ok' });
        return;
      case 'tx.rollback':
        this.deliveries.rollsBack();
        this.#ask({ reply: 'tx.rollback-ok' });
        return;
      case 'basic.consume':
        this.#consume(readMethod(name, buf, start, end), now);
        return;
      case 'basic.cancel':
        this.#cancel(readMethod(name, buf, start, end), now);
        return;
      case 'basic.get': {
        const { queue, noAck } = readMethod(name, buf, start, end);
        this.#context.habits.gets(queue || this.#lastQueue);
        this.#ask({ reply: 'basic.get-ok', get: { queue: queue || this.#lastQueue, noAck } });
        return;
      }
      case 'basic.qos': {
        const { prefetchCount, global } = readMethod(name, buf, start, end);
        this.#does('basic.qos-ok', false, now, () => {
          this.prefetch[global ? 'channel' : 'consumer'] = prefetchCount;
          const { channel, consumer } = this.prefetch;
          this.deliveries.prefetches(channel || consumer);
        });
        return;
      }
      case 'queue.declare':
        this.#declare(readMethod(name, buf, start, end), now);
        return;
      case 'queue.delete': {
        const { queue, ifUnused, ifEmpty, nowait } = readMethod(name, buf, start, end);
        const deleted = queue || this.#lastQueue;
        // if it must be unused or empty, it may be neither: only an answer tells
        if (nowait && (ifUnused || ifEmpty)) return;
        this.#does('queue.delete-ok', nowait, now, (now) => {
          this.#context.declarations.queueGone(deleted, now);
          this.#context.plane.facts.noteDeliveryLimit(this.#context.vhost, deleted, undefined);
        });
        return;
      }
      case 'confirm.select': {
        const { nowait } = readMethod(name, buf, start, end);
        this.#ask({ reply: 'confirm.select-ok', nowait });
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
          this.#context.plane.facts.noteDelaying(this.#context.vhost, exchange);
        }
        this.#does('exchange.declare-ok', nowait, now, () => this.#context.declarations.exchangeExists(exchange));
        return;
      }
      case 'exchange.delete': {
        const { exchange, ifUnused, nowait } = readMethod(name, buf, start, end);
        if (nowait && ifUnused) return;
        this.#does('exchange.delete-ok', nowait, now, () => this.#context.declarations.exchangeGone(exchange));
        return;
      }
      default: {
        const reply = `${name}-ok` as MethodName;
        // an app that sends a broker's method gets no answer
        if (!(reply in methods)) return;
        const { nowait } = readMethod(name, buf, start, end) as { nowait?: boolean };
        this.#ask({ reply, ...(nowait && { nowait }) });
      }
    }
  }

  /** Confirms that we owe the app, unless it still waits for confirm.select-ok. */
  giveAnswers(sink: FrameSink): void {
    if (this.#answers.length === 0 || this.#requests.awaits(CONFIRM_SELECT_OK)) return;
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
    // a single settlement names a tag
    if (!multiple && tag === 0) this.deliveries.illegal();
    else this.deliveries.settle({ how, from: multiple ? 0 : tag, to: tag, requeue }, now);
  }

  /**
   * basic.ack or basic.nack of the broker: ends the publishes that it confirms. Where the app asked for confirms too, its
   * own tag is written into the frame. False: the app never asked for this one, and must not see it.
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
    // tag 0 without `multiple` is wrong, and confirms nothing
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
      // a broker goes on delivering behind its close of a channel, even to consumers it has not answered
      if (this.consumers.hasEnded) return;
      this.delivering.deliver(buf, start, end, now, this.consumers.find);
      return;
    }
    const name = methodNames.get(key);
    switch (name) {
      case undefined:
        return;
      case 'basic.cancel': {
        const consumer = this.consumers.cancelled(readMethod(name, buf, start, end).consumerTag, now);
        if (consumer !== undefined) this.deliveries.cancelled(consumer.number, now);
        return;
      }
      default: {
        const request = this.#requests.answered(key);
        if (request === undefined) return;
        this.#reply(name, request, buf, start, end, now);
        request.done?.(now);
        for (const done of request.behind ?? []) done(now);
      }
    }
  }

  #reply(name: MethodName, request: Request, buf: Uint8Array, start: number, end: number, now: number): void {
    this.#read(request, now);
    this.consumers.forget(request.left);
    switch (name) {
      case 'basic.get-ok':
        if (request.get !== undefined) {
          const { queue, noAck } = request.get;
          this.delivering.got(buf, start, end, now, this.consumers.get(queue, noAck));
        }
        return;
      case 'basic.consume-ok': {
        const { consumerTag } = readMethod(name, buf, start, end);
        if (request.consume !== undefined) {
          const { queue, noAck, asksForOffset } = request.consume;
          this.consumers.started(consumerTag, queue, noAck, asksForOffset, now);
        }
        return;
      }
      case 'basic.cancel-ok':
        if (request.cancel !== undefined) this.consumers.stopped(request.cancel, now);
        return;
      case 'queue.declare-ok': {
        const { queue, messageCount, consumerCount } = readMethod(name, buf, start, end);
        this.#lastQueue = queue;
        const existed = messageCount > 0 || consumerCount > 0;
        if (request.declare !== undefined) this.#declared(request.declare, queue, existed, now);
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

  /** The broker has read the request, and all that was sent before it. */
  #read(request: Request, now: number): void {
    if (request.isDoomed && this.deliveries.awaitsClose) {
      this.deliveries.tolerated(now);
      this.publishes.tolerated(now);
    }
    this.publishes.barrier(request.publishes, now);
    this.deliveries.read(request.settled);
  }

  /**
   * The broker closes the channel because of this method of the app, 0 if because of none; `end` follows. What was sent
   * before that method has been read, what was sent behind it has not.
   */
  refused(failed: number, now: number): void {
    if (this.deliveries.awaitsClose && SETTLING.has(failed)) {
      this.publishes.barrier(this.publishes.numbers.sequence, now);
      return;
    }
    const name = methodNames.get(failed);
    const request = this.#requests.find(`${name}-ok` as MethodName);
    if (request !== undefined) {
      this.publishes.barrier(request.publishes, now);
      this.deliveries.read(request.settled);
    }
    this.deliveries.crossed(now);
  }

  /** The app sends what the broker refuses, and reads nothing behind. */
  illegal(): void {
    this.deliveries.illegal();
  }

  /**
   * The channel ends: by the app (`unconfirmed_at_close`), by the broker (`channel_error`) or with
   * its connection. Every open message gets its outcome.
   */
  end(unknown: UnknownReason, requeued: RequeueReason, now: number, reply: Reply = NO_REPLY): void {
    this.publishes.end(unknown, this.#committing(), now, reply);
    this.deliveries.requeueAll(requeued, now);
    this.consumers.end(now);
    this.#requests.clear();
  }

  /** The app asked to close: its close-ok will say that all returns have come. */
  askedToClose(): void {
    // it asks once; the broker answers a second time, if at all, for nothing that has come since
    if (this.#requests.awaits(CHANNEL_CLOSE_OK)) return;
    this.#ask({ reply: 'channel.close-ok' });
  }

  /** channel.close-ok of the broker. */
  closed(now: number): void {
    const request = this.#requests.answered(CHANNEL_CLOSE_OK);
    if (request !== undefined) this.#read(request, now);
  }

  #ask(request: Omit<Request, 'publishes' | 'settlements' | 'settled' | 'isDoomed' | 'left'>): void {
    const { reply, nowait = false } = request;
    const settled = this.deliveries.mark();
    // of those that nothing answers but a failure, the first one shows what was read at least
    if (nowait && this.#requests.hasNowait(reply)) return;
    const isKept = this.#requests.add({
      ...request,
      publishes: this.publishes.numbers.sequence,
      settlements: this.deliveries.made,
      settled,
      isDoomed: this.deliveries.awaitsClose,
      left: this.consumers.left,
    });
    if (!isKept) this.#context.plane.observer.traffic.unobserved('requests_full');
  }

  /** The app has the broker do something that is done when it answers, or behind what it is to answer before. */
  #does(reply: MethodName, nowait: boolean, now: number, done: (now: number) => void): void {
    const { last } = this.#requests;
    this.#ask({ reply, ...(nowait ? { nowait } : { done }) });
    if (!nowait) return;
    if (last === undefined) done(now);
    else this.#requests.behindLast(last, done);
  }

  #consume({ queue, consumerTag, noAck, nowait, arguments: args }: Arguments<'basic.consume'>, now: number): void {
    const asksForOffset = args['x-stream-offset'] !== undefined;
    const consume = { queue: queue || this.#lastQueue, noAck, asksForOffset };
    this.#ask({ reply: 'basic.consume-ok', nowait, consume });
    if (!nowait) return;
    if (consumerTag === '') this.consumers.startedUnnamed(consume.queue, noAck, asksForOffset);
    else this.consumers.started(consumerTag, consume.queue, noAck, asksForOffset, now);
  }

  #cancel({ consumerTag, nowait }: Arguments<'basic.cancel'>, now: number): void {
    this.#ask({ reply: 'basic.cancel-ok', nowait, cancel: consumerTag });
    if (nowait) this.consumers.leaves(consumerTag, now);
  }

  #declare(declare: Arguments<'queue.declare'>, now: number): void {
    const { queue, nowait } = declare;
    if (!nowait) {
      this.#ask({ reply: 'queue.declare-ok', declare });
      return;
    }
    // the broker names it, and nobody is told how
    this.#lastQueue = queue || UNTOLD_QUEUE;
    // whether it was there before, nobody says
    this.#does('queue.declare-ok', true, now, (now) => this.#declared(declare, queue, false, now));
  }

  #declared(declare: Arguments<'queue.declare'>, queue: string, existed: boolean, now: number): void {
    const { plane, vhost, declarations } = this.#context;
    declarations.queueDeclared(declare, queue, existed, now);
    this.#context.habits.declared(declare, queue);
    if (declare.passive || queue === '') return;
    const { arguments: args } = declare;
    plane.facts.noteDeliveryLimit(vhost, queue, limitByArguments(args));
  }
}

/** Ack, nack and reject are read in place: their tag and bits must lie in front of the frame's end. */
function holdsTag(name: MethodName, at: number, end: number): void {
  if (at + 10 > end) throw new MalformedError(name);
}
