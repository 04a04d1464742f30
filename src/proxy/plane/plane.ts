import { viewOf } from '../../amqp/bytes.ts';
import { ContentHeader } from '../../amqp/content.ts';
import { MalformedError } from '../../amqp/fields.ts';
import { makeRoom } from '../ports/bounded.ts';
import type { Clock } from '../ports/clock.ts';
import { type HeaderEdit, type Interceptor, observedHeaders, type TraceContext } from '../ports/interceptor.ts';
import type { DeliveryTally, Observer, PublishTally } from '../ports/observer.ts';
import { isPlain } from '../routing/plain.ts';
import { RouteTables } from '../routing/route-tables.ts';
import { type Route, RouteBudget, type RouteTable, Variants } from '../routing/routes.ts';
import type { Client, LossMode, Rules, Treatment } from '../routing/treatment.ts';
import { Output, Scratch } from '../stream/output.ts';
import { Alarm } from './alarm.ts';
import { DeliveryLimits } from './delivery-limits.ts';
import type { Middleware } from './middleware.ts';
import { type QueueFact, QueueFacts } from './queue-facts.ts';

export interface PlaneOptions {
  /** value of the pipeline label; undefined: the connection's vhost */
  pipeline: string | undefined;
  windowPerChannel: number;
  connections: number;
  /** ms an app's closing waits for outstanding shadow confirms */
  settleOnClose: number;
  /** clients that are never shadowed */
  exempt(client: Client): boolean;
  /** times at which the broker is out of reach on purpose */
  outages?: readonly Outage[];
}

/** A partition: times in ms of the monotonic clock. */
export interface Outage {
  readonly existing: 'keep' | 'stall' | 'cut';
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

/** Something learned from one connection that matters to others, also to those of other threads. */
export type Fact = NamedFact | QueueFact | LimitFact | AlarmFact;

/** The broker blocks publishers, or no longer. */
interface AlarmFact {
  kind: 'alarm';
  name: typeof STANDS | typeof OVER;
}

/** A queue was declared with such a delivery limit, without one (undefined), or deleted. */
interface LimitFact {
  kind: 'delivery-limit';
  /** vhost and name, joined by NUL */
  name: string;
  limit?: number;
}

interface NamedFact {
  /** a queue that dead-letters also what it refuses, an exchange that delays, a client that uses tx where we select confirms */
  kind: 'dead-letters-refused' | 'delays' | 'conflicts';
  /** vhost and name, or the client, joined by NUL */
  name: string;
}

/** Answers to a request over direct reply-to; the rest of the routing key is the asker's. */
const REPLY_TO = 'amq.rabbitmq.reply-to.';

/** Of routes made or looked up again since they aged; about twice as much is held: those, and what was looked up before. */
const MAX_ROUTE_BYTES = 32 << 20;
const STANDS = 'stands';
const OVER = 'over';

const MAX_FACTS = 4096;
/** Most fan-outs that a reload can take back; those of more topics are shown until the topic is idle. */
const MAX_FANOUTS = 32_768;

/** What all connections of one traffic thread share. */
export class Plane {
  readonly observer: Observer;
  readonly clock: Clock;
  #settings: PlaneSettings;
  /** scratch for the message at hand: only one is ever at hand on a thread */
  readonly header = new ContentHeader(observedHeaders);
  readonly context: TraceContext = {
    ids: new Uint32Array(8),
    at: 0,
    traced: false,
    hasParent: false,
    sampled: false,
    ratio: undefined,
  };
  /** frames that are changed and not sent at once; empty between messages */
  readonly capture = new Output(new Scratch());
  readonly edit: HeaderEdit = headerEdit();
  readonly #names = new RouteBudget(MAX_ROUTE_BYTES);
  readonly #publishes = new RouteTables<PublishTally>(this.#names);
  readonly #deliveries = new RouteTables<DeliveryTally>(this.#names);
  /** a route of each topic and pipeline that a fan-out was told of */
  readonly #fanouts = new Map<string, { scope: Scope; key: Uint8Array; tally: PublishTally }>();
  /** whether the broker blocks publishers */
  readonly alarm = new Alarm();
  readonly queues = new QueueFacts();
  readonly #facts: Record<NamedFact['kind'], Set<string>> = {
    'dead-letters-refused': new Set(),
    delays: new Set(),
    conflicts: new Set(),
  };
  readonly #limits = new DeliveryLimits();
  /** told of what this thread finds out; what others found out goes to `learn` */
  onFact: (fact: Fact) => void = () => {};
  /** names take too much memory: `age` is to be called soon, but not within a message */
  onCrowded: () => void = () => {};
  /** every new connection is a plain pipe */
  bypass = false;
  /** code of the user's; undefined: there is none */
  middleware: Middleware | undefined;

  constructor(observer: Observer, interceptor: Interceptor, clock: Clock, rules: Rules, options: PlaneOptions) {
    this.observer = observer;
    this.clock = clock;
    this.#settings = { interceptor, rules, options };
    this.#names.onSpent = () => this.onCrowded();
    this.alarm.onChange = (stands) => this.onFact({ kind: 'alarm', name: stands ? STANDS : OVER });
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
      const mayShadow = !answers && !this.#facts.delays.has(`${vhost}\0${exchange}`);
      const names = { key, exchange, routingKey, queue: '', answers };
      const passage = { side: 'publish', vhost, exchange, routingKey, queue: '' } as const;
      const treatment = rules.treat({ ...passage, group });
      return withVariants(treatment, (treatment) => {
        const { topic, fanout } = treatment;
        const label = treatment.pipeline ?? pipeline;
        const tally = this.observer.publishes(topic, label);
        if (fanout !== undefined) this.#tellFanout(fanout, `${topic}\0${label}`, { scope, key, tally });
        const hop = this.observer.hop({ ...passage, pipeline: label, app });
        const shadow = treatment.loss !== 'off' && mayShadow;
        return {
          ...names,
          topic,
          pipeline: label,
          tally,
          hop,
          treatment,
          variants: undefined,
          isPlain: isPlain(treatment),
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
        return {
          ...names,
          topic,
          pipeline: label,
          tally,
          hop,
          treatment,
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

  /** An exchange of type x-delayed-message returns every mandatory message: ours would all look lost. */
  noteDelaying(vhost: string, exchange: string): void {
    this.#note({ kind: 'delays', name: `${vhost}\0${exchange}` });
  }

  /** Another thread's finding. */
  learn(fact: Fact): void {
    if (fact.kind === 'delivery-limit') this.#limits.note(fact.name, fact.limit);
    else if (fact.kind === 'alarm') this.alarm.learn(fact.name === STANDS, this.clock.now());
    else if (isOfQueues(fact)) this.queues.learn(fact);
    else this.#learn(fact);
  }

  #learn({ kind, name }: NamedFact): void {
    const names = this.#facts[kind];
    if (names.has(name)) return;
    makeRoom(names, MAX_FACTS);
    names.add(name);
    if (kind !== 'delays') return;
    const [vhost, exchange] = name.split('\0');
    for (const route of this.#publishes.routes(vhost)) if (route.exchange === exchange) route.shadow = false;
  }

  #note(fact: NamedFact): void {
    if (this.#facts[fact.kind].has(fact.name)) return;
    this.#learn(fact);
    this.onFact(fact);
  }

  /** Something was found out of a queue, or of an exchange that dead letters may go to. */
  noteQueue(fact: QueueFact): void {
    if (this.queues.learn(fact)) this.onFact(fact);
  }

  /** How far this client may be shadowed, whatever its messages' rules allow. */
  shadowing(client: Client): LossMode {
    if (this.options.exempt(client)) return 'off';
    return this.#facts.conflicts.has(keyOf(client)) ? 'returns' : 'confirms';
  }

  /** This client uses tx where we had selected confirms: that is not done to it again. */
  noteConflict(client: Client): void {
    this.observer.traffic.shadowConflict();
    this.#note({ kind: 'conflicts', name: keyOf(client) });
  }

  /** A queue was declared with such a delivery limit, without one (undefined), or deleted. */
  noteDeliveryLimit(vhost: string, queue: string, limit: number | undefined): void {
    const name = `${vhost}\0${queue}`;
    if (this.#limits.of(name) === limit) return;
    this.#limits.note(name, limit);
    this.onFact({ kind: 'delivery-limit', name, ...(limit !== undefined && { limit }) });
  }

  /** How often the queue delivers a message again, by its declaration; undefined: it is not known. */
  deliveryLimit(vhost: string, queue: string): number | undefined {
    return this.#limits.of(`${vhost}\0${queue}`);
  }

  /** A full queue that refuses what is published to it, and dead-letters that: declared with overflow reject-publish-dlx. */
  noteDeadLetteringRefused(vhost: string, queue: string): void {
    this.#note({ kind: 'dead-letters-refused', name: `${vhost}\0${queue}` });
    // bindings are not followed: any exchange but the default one may lead to it
    this.#note({ kind: 'dead-letters-refused', name: `${vhost}\0` });
  }

  /** Whether a publish that the broker nacked may have been dead-lettered, as far as the wire has shown. */
  mayDeadLetterRefused(vhost: string, exchange: string, routingKey: string): boolean {
    return this.#facts['dead-letters-refused'].has(`${vhost}\0${exchange === '' ? routingKey : ''}`);
  }

  /** Reading a frame failed: it passes unread, and this is counted. */
  failed(error: unknown): void {
    this.observer.traffic.unobserved(error instanceof MalformedError ? 'malformed_method' : 'internal_error');
  }
}

const isOfQueues = (fact: Fact): fact is QueueFact => fact.kind !== 'delays' && fact.kind !== 'conflicts';

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

const keyOf = ({ product, connectionName, user }: Client): string => [product, connectionName, user].join('\0');
