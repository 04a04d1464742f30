import { Causes } from '../correlation/causes.ts';
import { Handling } from '../correlation/handling.ts';
import type { Hash } from '../correlation/key-hash.ts';
import type { OpenMessages } from '../open-messages/open-messages.ts';
import type { Cause } from '../ports/interceptor.ts';
import type { DeliveryTally, PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Plane } from './plane.ts';

/** A channel, as far as it holds deliveries. */
interface Channel {
  readonly deliveries: { readonly held: OpenMessages<DeliveryTally> };
}

const NOTHING: Hash = { a: 0, b: 0 };

/** What the messages of one connection have to do with others: of which delivery one comes, which question it asks or answers. */
export class Correlation {
  readonly handling = new Handling();
  readonly causes: Causes;
  readonly #plane: Plane;
  readonly #connection: number;
  readonly #channels: () => Iterable<Channel>;
  #vhost = NOTHING;
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

  /** The delivery at hand, which has a reply-to and a trace, goes to the app. */
  isAsked(now: number): void {
    const { header, context, calls, clock, options } = this.#plane;
    const hasSpan = context.sampled && !(options.separateTraces && context.hasParent);
    calls.requests.delivered(this.requester, this.#connection, header, context, hasSpan, clock.micros(now));
  }
}
