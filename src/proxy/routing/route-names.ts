import type { Names } from '../../events/passage.ts';
import type { Route } from './routes.ts';

/** What tells passages of one route apart, besides the names of the route. */
type Way = Pick<Names, 'via' | 'consumerTag'>;

let made = 0;

/** Routes of which a channel keeps the names at the least: every route on every channel would be a product. */
const KEPT = 64;

/** The names of one channel's passages in one direction: made once for each route, mostly. */
export class RouteNames {
  readonly #connection: number;
  readonly #channel: number;
  #known = new WeakMap<Route<unknown>, Names>();
  #count = 0;
  /** those of before there were so many */
  #before = new WeakMap<Route<unknown>, Names>();
  #last: Names | undefined;
  #route: Route<unknown> | undefined;

  constructor(connection: number, channel: number) {
    this.#connection = connection;
    this.#channel = channel;
  }

  of(route: Route<unknown>, way: Way): Names {
    if (route === this.#route && fits(this.#last, way)) return this.#last;
    let names = this.#known.get(route);
    if (!fits(names, way)) {
      names = this.#before.get(route);
      if (!fits(names, way)) names = this.#make(route, way);
      this.#keep(route, names);
    }
    this.#route = route;
    this.#last = names;
    return names;
  }

  #keep(route: Route<unknown>, names: Names): void {
    if (this.#count++ === KEPT) {
      this.#before = this.#known;
      this.#known = new WeakMap();
      this.#count = 1;
    }
    this.#known.set(route, names);
  }

  #make(route: Route<unknown>, { via, consumerTag }: Way): Names {
    const { exchange, routingKey, topic, pipeline, queue } = route;
    return {
      via,
      number: made++,
      connection: this.#connection,
      channel: this.#channel,
      exchange,
      routingKey,
      topic,
      pipeline,
      queue,
      consumerTag,
    };
  }
}

const fits = (names: Names | undefined, { via, consumerTag }: Way): names is Names =>
  names !== undefined && names.via === via && names.consumerTag === consumerTag;
