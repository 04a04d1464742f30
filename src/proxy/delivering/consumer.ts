import { type Names, NOTHING_MORE } from '../../events/passage.ts';
import type { SpanDetail } from '../open-messages/span-detail.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Route, RouteTable } from '../routing/routes.ts';

/** Where deliveries of one channel come from: a consumer, or a basic.get. */
export class Consumer {
  /** '' for a basic.get */
  readonly tag: string;
  /** the tag's bytes, so that a delivery finds its consumer without making a string */
  readonly key: Uint8Array;
  readonly queue: string;
  readonly noAck: boolean;
  /** on its channel, in a delivery's marks */
  readonly number: number;
  /** had the same tag and was cancelled just before: the broker may not have read that yet */
  elder: Consumer | undefined;
  /** its end was told */
  hasStopped = false;
  /** of its sampled deliveries that have nothing special to tell */
  readonly plain: SpanDetail;
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
  ) {
    this.tag = tag;
    this.key = Buffer.from(tag, 'utf8');
    this.queue = queue;
    this.noAck = noAck;
    this.number = number;
    this.plain = { via, consumerTag: tag, more: NOTHING_MORE };
    this.#plane = plane;
    this.#scope = scope;
    this.#routes = plane.deliveryRoutes(scope, queue);
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
