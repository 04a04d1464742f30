import { hexOf } from '../../events/hex.ts';
import { HAS_PARENT, TRACED } from '../../events/passage.ts';
import { Causes } from '../correlation/causes.ts';
import { Handling } from '../correlation/handling.ts';
import type { Hash } from '../correlation/key-hash.ts';
import type { Attempt, Seen } from '../correlation/rounds.ts';
import type { OpenMessages, Stretch } from '../open-messages/open-messages.ts';
import type { Remembered } from '../open-messages/run.ts';
import { makeRoom } from '../ports/bounded.ts';
import type { Cause } from '../ports/interceptor.ts';
import type { DeliveryTally, PublishTally, RequeueReason } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Plane } from './plane.ts';

/** A channel, as far as it holds deliveries. */
interface Channel {
  readonly deliveries: { readonly held: OpenMessages<DeliveryTally> };
}

/** Queues of which one connection has messages that come again. */
const MAX_QUEUES = 1024;
/** Rounds of all messages that are kept. */
const MOST_ROUNDS = 8192;
const NEVER: Seen = { attempt: 0, endedAt: 0, isTold: false, earlier: [] };
const NOTHING: Hash = { a: 0, b: 0 };

/** What the messages of one connection have to do with others: of which delivery one comes, which question it asks or answers. */
export class Correlation {
  readonly handling = new Handling();
  readonly causes: Causes;
  readonly #plane: Plane;
  readonly #connection: number;
  readonly #channels: () => Iterable<Channel>;
  #vhost = NOTHING;
  #vhostName = '';
  /** where the rounds of each queue's messages are kept */
  readonly #queues = new Map<string, Hash>();
  /** of the app: its other connections may answer what it is asked on this one */
  requester = NOTHING;

  constructor(plane: Plane, connection: number, channels: () => Iterable<Channel>) {
    this.#plane = plane;
    this.#connection = connection;
    this.#channels = channels;
    this.causes = new Causes(this.handling, plane.calls.requests, this, () =>
      plane.observer.traffic.correlationLimited('cause'),
    );
  }

  /** The broker has let the app in. */
  identified(vhost: string, app: string): void {
    this.#vhostName = vhost;
    const { questions, requests } = this.#plane.calls;
    this.#vhost = questions.vhost(vhost);
    this.requester = requests.app(vhost, app);
  }

  *held(): Iterable<OpenMessages<DeliveryTally>> {
    for (const { deliveries } of this.#channels()) yield deliveries.held;
  }

  /** What the publish at hand comes of, as far as there is proof; its header was just read into the plane's. */
  causeOf(route: Route<PublishTally>, now: number): Cause | undefined {
    const { header, context, interceptor, options } = this.#plane;
    const { cause, separateTraces } = options;
    if (cause === 'off') return undefined;
    return this.causes.of(header, route, cause, interceptor, context, separateTraces, now);
  }

  /** The publish at hand, which has a reply-to, goes to the broker. */
  asks(channel: number, route: Route<PublishTally>, now: number): void {
    const { header, calls, clock } = this.#plane;
    calls.questions.asked(this.#vhost, this.#connection, channel, header, route.tally, clock.micros(now));
  }

  /** The address at which a consumer of a queue gets answers. */
  listens(queue: string, channel: number, now: number): Hash {
    const { questions } = this.#plane.calls;
    const address = questions.address(this.#vhost, queue, this.#connection, channel);
    questions.listens(address, this.#plane.clock.micros(now));
    return address;
  }

  /** The delivery at hand goes to who listens at `address`, for the first time. */
  gets(address: Hash, route: Route<DeliveryTally>, now: number): void {
    const { header, calls, clock } = this.#plane;
    if (calls.questions.areAsked) calls.questions.answered(this.#vhost, address, route, header, clock.micros(now));
  }

  /**
   * The delivery at hand is not the first of its message: which one it is, by what the broker says (`told`) and by what was
   * seen of it out of `queue`, where it was given back or `refused` so often.
   */
  round(queue: string, refused: number, told: number, isRedelivered: boolean, firstPublished: number): Remembered {
    const { header, calls } = this.#plane;
    const messageId = header.property('messageId');
    const key = this.#roundOf(queue, messageId);
    const { attempt: before, endedAt: queuedAt, isTold, earlier } = key === undefined ? NEVER : calls.rounds.seen(key);
    // who redelivers has delivered at least once
    const attempt = Math.max(told, before + 1, isRedelivered ? 2 : 1);
    const correlationId = header.property('correlationId');
    // who refused it has told of that
    return { correlationId, messageId, attempt, firstPublished, queuedAt, isTold: isTold || refused > 0, earlier };
  }

  /** The message at hand has been tried too often: tell who should know, now and then. */
  isPoisonous(route: Route<DeliveryTally>, queue: string, round: Remembered, now: number): void {
    const { calls, clock, observer, context } = this.#plane;
    const key = this.#roundOf(queue, round.messageId);
    const at = clock.micros(now);
    const { attempt, firstPublished, messageId } = round;
    const isNew = key !== undefined && calls.rounds.poisons(key, attempt, at);
    if (isNew) route.tally.poisonous();
    // a message that comes again and again is told of ever more seldom
    else if ((attempt & (attempt - 1)) !== 0) return;
    observer.emit({
      type: 'message.poisonous',
      at,
      connection: this.#connection,
      exchange: route.exchange,
      routingKey: route.routingKey,
      topic: route.topic,
      pipeline: route.pipeline,
      queue: route.queue,
      attempt,
      firstPublished,
      messageId,
      traceId: context.traced ? hexOf(context.ids, context.at, 4) : '',
    });
  }

  /** What the rounds of the message at hand are kept under; undefined: nothing tells it from others. */
  #roundOf(queue: string, messageId: string): Hash | undefined {
    const { context, calls } = this.#plane;
    if (context.traced && context.hasParent) return calls.rounds.byContext(this.#queue(queue), context);
    return messageId === '' ? undefined : calls.rounds.byMessageId(this.#queue(queue), messageId);
  }

  #queue(name: string): Hash {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const hash = this.#plane.calls.rounds.queue(this.#vhostName, name);
    makeRoom(this.#queues, MAX_QUEUES);
    this.#queues.set(name, hash);
    return hash;
  }

  /**
   * Deliveries of a stretch, of those that are kept in `held`, ended without success: their messages may come again. The
   * first `told` of them were told of; the others went back to their queue for `reason`.
   */
  roundEnded(
    held: OpenMessages<DeliveryTally>,
    stretch: Stretch<DeliveryTally>,
    now: number,
    told: number,
    reason?: RequeueReason,
  ): void {
    const { calls, clock } = this.#plane;
    const { route, remembered, detail, passageBits } = stretch;
    const messageId = remembered?.messageId ?? detail?.more.messageId ?? '';
    const isTraced = (passageBits & (TRACED | HAS_PARENT)) === (TRACED | HAS_PARENT);
    if (!isTraced && messageId === '') return;
    const attempt: Attempt = {
      number: remembered?.attempt ?? 1,
      startedAt: clock.micros(stretch.time),
      endedAt: clock.micros(now),
      untold: undefined,
    };
    const queue = this.#queue(route.queue);
    // more than that are not kept anyway
    for (let i = Math.max(0, stretch.count - MOST_ROUNDS); i < stretch.count; i++) {
      const key = isTraced
        ? calls.rounds.byContext(queue, { ids: held.ids, at: held.idsAt(stretch, i) })
        : calls.rounds.byMessageId(queue, messageId);
      attempt.untold = i < told ? undefined : reason;
      calls.rounds.ended(key, attempt);
    }
  }

  /** The delivery at hand, which has a reply-to and a trace, goes to the app. */
  isAsked(now: number): void {
    const { header, context, calls, clock, options } = this.#plane;
    const hasSpan = context.sampled && !(options.separateTraces && context.hasParent);
    calls.requests.delivered(this.requester, this.#connection, header, context, hasSpan, clock.micros(now));
  }
}
