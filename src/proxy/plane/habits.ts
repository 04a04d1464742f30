import type { Arguments } from '../../amqp/methods.ts';
import type { DeliveryTally, PublishTally } from '../ports/observer.ts';
import type { FindingKind } from '../ports/sighting.ts';
import type { Route } from '../routing/routes.ts';
import type { Plane } from './plane.ts';

/** A consumer that holds so many, and may hold any number, takes what others could work on, and all of it into its memory. */
export const HOARD = 200;
/** A channel or connection with so few messages was opened for them. */
const FEW = 2;
/** What is looked at in messages, is looked at so often and no more: ms. */
const LOOK_EVERY = 100;

/** How the app of one connection uses the broker. What it does otherwise than most is told (ports/sighting.ts). */
export class Habits {
  readonly #plane: Plane;
  readonly #vhost: string;
  readonly #app: string;
  readonly #openedAt: number;
  /** of channels that have ended */
  #messages = 0;
  #shortChannels = 0;
  #lookedAt = 0;

  constructor(plane: Plane, vhost: string, app: string) {
    this.#plane = plane;
    this.#vhost = vhost;
    this.#app = app;
    this.#openedAt = plane.clock.now();
  }

  /** basic.consume was granted. */
  consumes(queue: string, noAck: boolean): void {
    if (!noAck || isGenerated(queue) || this.#lasts(queue) === false) return;
    this.#saw('no_ack', queue, 'consumes without acknowledgement');
  }

  /** Of a consumer without a prefetch: so many deliveries await its settlement. */
  holds(queue: string, count: number, now: number): void {
    if (this.#looks(now))
      this.#saw('unlimited_prefetch', queue, `held ${count} unsettled deliveries, without a prefetch`);
  }

  /** basic.get. */
  gets(queue: string): void {
    this.#saw('polling', queue, 'asks by basic.get');
  }

  /** A channel that the app closed had so many messages. */
  channelClosed(messages: number): void {
    this.#messages += messages;
    if (messages === 0 || messages > FEW) return;
    // one that is closed with its connection is no more than that
    this.#shortChannels++;
    if (this.#shortChannels > 1) this.#saw('channel_churn', '', `closed a channel after ${inWords(messages)}`);
  }

  /** `open`: messages of the channels that are still open. */
  connectionEnded(open: number): void {
    const messages = this.#messages + open;
    if (messages === 0 || messages > FEW) return;
    const seconds = (this.#plane.clock.now() - this.#openedAt) / 1000;
    this.#saw('connection_churn', '', `closed a connection after ${inWords(messages)} and ${seconds.toFixed(1)} s`);
  }

  /** A publish came back: no queue took it. */
  returned({ exchange, routingKey, treatment, answers }: Route<PublishTally>): void {
    // an exchange that delays returns what it keeps
    if (treatment.unroutableExpected || answers || this.#plane.facts.delays(this.#vhost, exchange)) return;
    const [name, evidence] =
      exchange === ''
        ? [routingKey, 'publishes to a queue that is not there']
        : [`${exchange}:${routingKey}`, `publishes to exchange ${exchange} with a key that no queue is bound by`];
    this.#saw('nothing_bound', name, evidence);
  }

  /** A publish with delivery mode 1. */
  publishedTransient({ exchange, routingKey }: Route<PublishTally>, now: number): void {
    // where an exchange leads to, its consumers see
    if (exchange !== '' || !this.#looks(now) || !this.#keeps(routingKey)) return;
    this.#saw('transient_in_durable', routingKey, 'publishes with delivery mode 1: a restart of the broker loses it');
  }

  /** A delivery with delivery mode 1. `isStamped`: its publisher is behind a Tracehare. */
  gotTransient({ exchange, queue }: Route<DeliveryTally>, isStamped: boolean, now: number): void {
    if ((exchange === '' && isStamped) || !this.#looks(now) || !this.#keeps(queue)) return;
    const from = exchange === '' ? '' : ` from exchange ${exchange}`;
    this.#saw(
      'transient_in_durable',
      queue,
      `gets messages with delivery mode 1${from}: a restart of the broker loses them`,
    );
  }

  /** queue.declare was granted. */
  declared(
    { passive, durable, autoDelete, exclusive, arguments: args }: Arguments<'queue.declare'>,
    queue: string,
  ): void {
    if (passive || queue === '' || exclusive) return;
    const flags = [durable ? 'durable' : 'transient', ...(autoDelete ? ['auto-delete'] : [])];
    const rest = Object.entries(args)
      .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
      .sort();
    this.#saw('declared_differently', queue, cut(`as ${[...flags, ...rest].join(', ')}`));
  }

  /** The broker closed the channel, 406, at a declaration: its words say what it has, and what was asked for. */
  refused(text: string): void {
    const [, inequivalent, kind, name, said] = DIFFERENT.exec(text) ?? [];
    if (inequivalent === undefined) return;
    const of = kind === 'queue' ? name : `exchange ${name}`;
    this.#saw('declared_differently', of, cut(`refused, ${inequivalent}: ${said}`));
  }

  #looks(now: number): boolean {
    if (now - this.#lookedAt < LOOK_EVERY) return false;
    this.#lookedAt = now;
    return true;
  }

  #lasts(queue: string): boolean | undefined {
    return this.#plane.facts.queues.lasts(this.#vhost, queue);
  }

  /** The queue keeps its messages over a restart, if they are persistent. Others write all of theirs to disk. */
  #keeps(queue: string): boolean {
    return this.#lasts(queue) === true && this.#plane.facts.queues.isClassic(this.#vhost, queue);
  }

  #saw(kind: FindingKind, name: string, evidence: string): void {
    this.#plane.observer.saw({ kind, vhost: this.#vhost, app: this.#app, name, evidence });
  }
}

const DIFFERENT = /inequivalent arg '([^']+)' for (queue|exchange) '(.*)' in vhost '.*?': (.*)/;

/** The broker or direct reply-to gave the name: who reads there asks nobody to keep anything. */
const isGenerated = (queue: string): boolean => queue.startsWith('amq.');

const inWords = (messages: number): string => (messages === 1 ? 'one message' : `${messages} messages`);

const MOST_CHARACTERS = 300;
const cut = (text: string): string => (text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`);
