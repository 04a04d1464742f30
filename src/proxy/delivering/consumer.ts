import type { ContentHeader } from '../../amqp/content.ts';
import { type Names, NOTHING_MORE } from '../../events/passage.ts';
import type { Hash } from '../correlation/key-hash.ts';
import type { SpanDetail } from '../open-messages/span-detail.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Route, RouteTable } from '../routing/routes.ts';
import type { StreamReader } from './stream-reader.ts';

const DIRECT_REPLY = 'amq.rabbitmq.reply-to';

/** Where deliveries of one channel come from: a consumer, or a basic.get. */
export class Consumer {
  /** '' for a basic.get */
  readonly tag: string;
  /** the tag's bytes, so that a delivery finds its consumer without making a string */
  readonly key: Uint8Array;
  readonly queue: string;
  readonly noAck: boolean;
  /** what it gets are answers to what is asked on its channel */
  readonly isDirectReply: boolean;
  /** what it has read so far, if it reads a stream */
  readonly stream: StreamReader | undefined;
  /** on its channel, in a delivery's marks */
  readonly number: number;
  /** had the same tag and was cancelled just before: the broker may not have read that yet */
  elder: Consumer | undefined;
  /** its end was told */
  hasStopped = false;
  /** of its sampled deliveries that have nothing special to tell */
  readonly plain: SpanDetail;
  /** where it gets answers, as Questions knows addresses */
  readonly address: Hash;
  readonly #plane: Plane;
  readonly #scope: Scope;
  #routes: RouteTable<DeliveryTally>;
  #last: Route<DeliveryTally> | undefined;

  constructor(
    plane: Plane,
    scope: Scope,
    via: Exclude<Names['via'], 'publish'>,
    tag: string,
    queue: string,
    noAck: boolean,
    number: number,
    address: Hash,
    stream?: StreamReader,
  ) {
    this.tag = tag;
    this.key = Buffer.from(tag, 'utf8');
    this.queue = queue;
    this.noAck = noAck;
    this.isDirectReply = queue === DIRECT_REPLY;
    this.number = number;
    this.address = address;
    // brokers don't let a stream be read without acknowledgements, nor by basic.get
    this.stream = noAck ? undefined : stream;
    this.plain = { via, consumerTag: tag, more: NOTHING_MORE };
    this.#plane = plane;
    this.#scope = scope;
    this.#routes = plane.deliveryRoutes(scope, queue);
  }

  /** The delivery with this header, which is no redelivered one, comes out of a stream. */
  readsStream(header: ContentHeader): boolean {
    if (this.stream === undefined || !this.stream.hasOffset(header)) return false;
    return this.stream.reads(this.#plane.facts.queues.isStream(this.#scope.vhost, this.queue));
  }

  /** Of such a delivery: it was published, at `stamp`, since the consumer is there, and it had not read it before. */
  advances(header: ContentHeader, stamp: number): boolean {
    return this.stream?.advances(header, stamp) ?? false;
  }

  /** Where deliveries of these names are counted. */
  route(buf: Uint8Array, start: number, end: number): Route<DeliveryTally> {
    this.#last = this.#routes.find(buf, start, end, this.#last);
    return this.#last;
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    this.#routes = this.#plane.deliveryRoutes(this.#scope, this.queue);
    this.#last = undefined;
  }
}
