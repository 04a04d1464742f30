import { viewOf } from '../../amqp/bytes.ts';
import { ContentHeader } from '../../amqp/content.ts';
import { MalformedError } from '../../amqp/fields.ts';
import { Calls } from '../correlation/calls.ts';
import type { CauseUse } from '../correlation/causes.ts';
import { correlationMemory } from '../correlation/correlation-memory.ts';
import type { ShownHeader } from '../open-messages/span-detail.ts';
import type { Clock } from '../ports/clock.ts';
import { type HeaderEdit, type Interceptor, observedHeaders, type TraceContext } from '../ports/interceptor.ts';
import type { Mistake } from '../ports/mistake.ts';
import type { DeliveryTally, Observer, PublishTally, Slowness } from '../ports/observer.ts';
import { isPlain } from '../routing/plain.ts';
import { RouteTables } from '../routing/route-tables.ts';
import { type Route, RouteBudget, type RouteTable, Variants } from '../routing/routes.ts';
import type { Client, LossMode, Rules, Treatment } from '../routing/treatment.ts';
import { Output, Scratch } from '../stream/output.ts';
import { Facts } from './facts.ts';
import { Keeping } from './keeping.ts';
import type { Middleware } from './middleware.ts';
import { Watch } from './watch.ts';

export interface PlaneOptions {
  /** value of the pipeline label; undefined: the connection's vhost */
  pipeline: string | undefined;
  windowPerChannel: number;
  connections: number;
  /** ms an app's closing waits for outstanding shadow confirms */
  settleOnClose: number;
  /** what is made of a publish that is known to come of a delivery */
  cause: CauseUse;
  /** spans of deliveries are in traces of their own, with links to those of the messages */
  separateTraces: boolean;
  /** ms after which the answer to a question is missing */
  replyTimeout: number;
  /** seconds from publish to settlement, of messages that are kept though unsampled; NaN: as their route says */
  slowAfter: number;
  /** of those, in a second */
  keepPerSecond: number;
  /** attempts after which a message is poisonous */
  poison: number;
  /** keys of messages' baggage that spans show */
  baggage: readonly string[];
  /** clients that are never shadowed */
  exempt(client: Client): boolean;
  /** of sampled messages */
  shownHeaders: readonly ShownHeader[];
  /** times at which the broker is out of reach on purpose */
  outages?: readonly Outage[];
}

/** A partition: times in ms of the monotonic clock. */
export interface Outage {
  readonly existing: 'keep' | 'stall' | 'cut';
  /** in which direction nothing passes on connections that it stalls */
  readonly direction: 'upstream' | 'downstream' | 'both';
  /** probability that a connection which exists is struck */
  readonly toxicity: number;
  isActive(now: number): boolean;
  /** Whether one dial is refused. */
  refuses(now: number): boolean;
}

/** What configuration says of messages and connections: one snapshot, replaced as a whole. */
export interface PlaneSettings {
  interceptor: Interceptor;
  rules: Rules;
  options: PlaneOptions;
  /** a fault ends by it: what faults hold back is not held any longer */
  releases?: boolean;
}

/** Whose messages they are. Connections of one vhost and app share their routes, if the same rules fit their clients. */
export interface Scope {
  readonly vhost: string;
  readonly pipeline: string;
  /** the app's name (proxy/routing/app-name.ts) */
  readonly app: string;
  readonly client: Client;
}

/** Answers to a request over direct reply-to; the rest of the routing key is the asker's. */
const REPLY_TO = 'amq.rabbitmq.reply-to.';

/** Of routes made or looked up again since they aged; about twice as much is held: those, and what was looked up before. */
const MAX_ROUTE_BYTES = 32 << 20;
/** Most fan-outs that a reload can take back; those of more topics are shown until the topic is idle. */
const MAX_FANOUTS = 32_768;

/** Of publishes. */
const NEVER_SLOW: Slowness = { over: Number.POSITIVE_INFINITY };

/** What all connections of one traffic thread share. */
export class Plane {
  readonly observer: Observer;
  readonly clock: Clock;
  #settings: PlaneSettings;
  /** scratch for the message at hand: only one is ever at hand on a thread */
  readonly header: ContentHeader;
  readonly context: TraceContext = {
    ids: new Uint32Array(8),
    at: 0,
    traced: false,
    hasParent: false,
    isW3c: false,
    added: 0,
    sampled: false,
    ratio: undefined,
    cause: undefined,
    adopted: false,
  };
  /** frames that are changed and not sent at once; empty between messages */
  readonly capture = new Output(new Scratch());
  readonly edit: HeaderEdit = headerEdit();
  readonly #names = new RouteBudget(MAX_ROUTE_BYTES);
  readonly #publishes = new RouteTables<PublishTally>(this.#names);
  readonly #deliveries = new RouteTables<DeliveryTally>(this.#names);
  /** a route of each topic and pipeline that a fan-out was told of */
  readonly #fanouts = new Map<string, { scope: Scope; key: Uint8Array; tally: PublishTally }>();
  readonly facts: Facts;
  readonly calls: Calls;
  readonly keeping: Keeping;
  readonly watch: Watch;
  /** names take too much memory: `age` is to be called soon, but not within a message */
  onCrowded: () => void = () => {};
  /** may be called often for the same */
  onMistake: (mistake: Mistake) => void = () => {};
  /** every new connection is a plain pipe */
  bypass = false;
  /** code of the user's; undefined: there is none */
  middleware: Middleware | undefined;

  constructor(
    observer: Observer,
    interceptor: Interceptor,
    clock: Clock,
    rules: Rules,
    options: PlaneOptions,
    watch = new Watch(),
    calls = new Calls(correlationMemory(), 0, observer.traffic),
  ) {
    this.observer = observer;
    this.calls = calls;
    this.keeping = new Keeping(
      () => this.options.keepPerSecond,
      () => observer.traffic.keepLimited(),
    );
    this.clock = clock;
    this.header = new ContentHeader([...observedHeaders, ...interceptor.headers]);
    this.watch = watch;
    this.#settings = { interceptor, rules, options };
    this.#names.onSpent = () => this.onCrowded();
    this.facts = new Facts(clock, (vhost, exchange) => {
      for (const route of this.#publishes.routes(vhost)) if (route.exchange === exchange) route.shadow = false;
    });
  }

  get interceptor(): Interceptor {
    return this.#settings.interceptor;
  }

  get options(): PlaneOptions {
    return this.#settings.options;
  }

  /**
   * From the next message on another configuration holds; what was learned stays. Whoever keeps
   * tables or routes of this plane for messages to come must ask for them anew (Listener.configure).
   */
  configure(settings: PlaneSettings): void {
    this.#settings = settings;
    this.#publishes.clear();
    this.#deliveries.clear();
    this.#names.renew();
    const told = [...this.#fanouts.values()];
    this.#fanouts.clear();
    for (const { tally } of told) tally.fanout(Number.NaN);
    // a fan-out that is still configured must not wait for the next message to be shown again
    for (const { scope, key } of told) this.publishRoutes(scope).find(key, 0, key.length, undefined);
  }

  /** Forgets routes that were not used since the call before. Whoever keeps tables or routes must ask anew (Listener.age). */
  age(): void {
    this.#publishes.age();
    this.#deliveries.age();
    this.#names.renew();
  }

  publishRoutes(scope: Scope): RouteTable<PublishTally> {
    const { vhost, pipeline, app, client } = scope;
    const { rules } = this.#settings;
    const group = rules.group(client);
    return this.#publishes.of([vhost, pipeline, app, group], (exchange, routingKey, key) => {
      // such an answer may be returned and delivered alike (docs/broker-facts.md#direct-reply-to)
      const answers = exchange === '' && routingKey.startsWith(REPLY_TO);
      const mayShadow = !answers && !this.facts.delays(vhost, exchange);
      const names = { key, exchange, routingKey, queue: '', answers };
      const passage = { side: 'publish', vhost, exchange, routingKey, queue: '' } as const;
      const treatment = rules.treat({ ...passage, group });
      return withVariants(treatment, (treatment) => {
        const { topic, fanout } = treatment;
        const label = treatment.pipeline ?? pipeline;
        const tally = this.observer.publishes(topic, label);
        if (fanout !== undefined) this.#tellFanout(fanout, `${topic}\0${label}`, { scope, key, tally });
        const hop = this.observer.hop({ ...passage, pipeline: label, app });
        const watermark = this.observer.watermark({ topic, pipeline: label, queue: undefined, routingKey });
        const shadow = treatment.loss !== 'off' && mayShadow;
        return {
          ...names,
          topic,
          pipeline: label,
          tally,
          hop,
          watermark,
          treatment,
          variants: undefined,
          isPlain: isPlain(treatment),
          slowness: NEVER_SLOW,
          shadow,
        };
      });
    });
  }

  deliveryRoutes({ vhost, pipeline, app, client }: Scope, queue: string): RouteTable<DeliveryTally> {
    const { rules } = this.#settings;
    const group = rules.group(client);
    return this.#deliveries.of([vhost, pipeline, app, group, queue], (exchange, routingKey, key) => {
      const names = { key, exchange, routingKey, queue, answers: false, shadow: false };
      const passage = { side: 'consume', vhost, exchange, routingKey, queue } as const;
      const treatment = rules.treat({ ...passage, group });
      return withVariants(treatment, (treatment) => {
        const { topic } = treatment;
        const label = treatment.pipeline ?? pipeline;
        const tally = this.observer.deliveries(topic, label, queue);
        const hop = this.observer.hop({ ...passage, pipeline: label, app });
        const slowness = this.observer.slowness(topic, label, queue);
        const watermark = this.observer.watermark({ topic, pipeline: label, queue, routingKey });
        return {
          ...names,
          topic,
          pipeline: label,
          tally,
          hop,
          watermark,
          treatment,
          slowness,
          variants: undefined,
          isPlain: isPlain(treatment),
        };
      });
    });
  }

  #tellFanout(fanout: number, name: string, told: { scope: Scope; key: Uint8Array; tally: PublishTally }): void {
    told.tally.fanout(fanout);
    if (this.#fanouts.size < MAX_FANOUTS) this.#fanouts.set(name, told);
  }

  /** How far this client may be shadowed, whatever its messages' rules allow. */
  shadowing(client: Client): LossMode {
    if (this.options.exempt(client)) return 'off';
    return this.facts.isTransactional(client) ? 'returns' : 'confirms';
  }

  /** Call it every quarter of a second, for what ends because time passes. */
  sweep(now: number): void {
    this.calls.questions.sweep(this.clock.micros(now), this.options.replyTimeout);
  }

  /** Reading a frame failed: it passes unread, and this is counted. */
  failed(error: unknown): void {
    this.observer.traffic.unobserved(error instanceof MalformedError ? 'malformed_method' : 'internal_error');
  }
}

function headerEdit(): HeaderEdit {
  const entries = Buffer.alloc(4096);
  return { entries, view: viewOf(entries), added: 0, remove: 0 };
}

function withVariants<T>(treatment: Treatment, make: (treatment: Treatment) => Route<T>): Route<T> {
  const base = make(treatment);
  const { byMessage } = treatment;
  if (byMessage !== undefined) base.variants = new Variants(byMessage, base, make);
  return base;
}
