import { randomInt } from 'node:crypto';
import type { ContentHeader } from '../../amqp/content.ts';
import { text } from '../../amqp/fields.ts';
import { makeRoom } from '../ports/bounded.ts';
import type { HopTally, Watermark } from '../ports/observer.ts';
import type { ByMessage, Treatment } from './treatment.ts';

/** Where messages of one exchange and routing key are counted; made once, then found by bytes. */
export interface Route<T> {
  /** exchange and routing key as on the wire: two short strings */
  readonly key: Uint8Array;
  readonly exchange: string;
  readonly routingKey: string;
  readonly topic: string;
  readonly pipeline: string;
  /** deliveries: the queue they come out of; '' for publishes */
  readonly queue: string;
  readonly tally: T;
  readonly hop: HopTally;
  readonly watermark: Watermark;
  /** what configuration says of its messages */
  readonly treatment: Treatment;
  /** the route instead of this one for messages that rules tell apart by more than names; undefined: there are none */
  variants: Variants<T> | undefined;
  /** nothing but counting, tracing and headers is to be done with its messages */
  readonly isPlain: boolean;
  /** publishes: answers over direct reply-to, which a broker may return although it delivers them */
  readonly answers: boolean;
  /** publishes: our own mandatory bit may go on them; an exchange may turn out not to take it */
  shadow: boolean;
}

/** Routes of one exchange and routing key, by the rules that a message's headers and chance fulfil. */
export class Variants<T> {
  readonly #by: ByMessage;
  readonly #make: (treatment: Treatment) => Route<T>;
  readonly #base: Route<T>;
  readonly #made = new Map<number | string, Route<T>>();

  constructor(by: ByMessage, base: Route<T>, make: (treatment: Treatment) => Route<T>) {
    this.#by = by;
    this.#base = base;
    this.#make = make;
  }

  /** Throws MalformedError. */
  of(header: ContentHeader): Route<T> {
    const mask = this.#by.mask(header);
    if (mask === 0) return this.#base;
    const { captured } = this.#by;
    const key = captured === '' ? mask : `${mask}\0${captured}`;
    let route = this.#made.get(key);
    if (route === undefined) {
      // one that is in use stays valid
      makeRoom(this.#made, MAX_VARIANTS);
      route = this.#make(this.#by.treatment(mask, captured));
      this.#made.set(key, route);
    }
    return route;
  }
}

export type MakeRoute<T> = (exchange: string, routingKey: string, key: Uint8Array) => Route<T>;

const INITIAL = 16;
/** combinations of rules, and of what makes topics, remembered per route */
const MAX_VARIANTS = 256;
/** slots looked at for a name: so few are mostly enough that whoever needs more has chosen his names for that */
const MAX_PROBES = 64;

/** What the routes of one traffic thread take, as far as its tables hold them. */
export class RouteBudget {
  readonly #bytes: number;
  #spent = 0;
  /** told once the budget is spent: routes that were not looked up lately are to be forgotten, and `renew` called */
  onSpent: () => void = () => {};

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  spend(bytes: number): void {
    const before = this.#spent;
    this.#spent += bytes;
    if (before < this.#bytes && this.#spent >= this.#bytes) this.onSpent();
  }

  renew(): void {
    this.#spent = 0;
  }
}

/** A route beside its names, and what a name of so many bytes takes: in bytes, in strings and in those of its topic. */
const ROUTE_BYTES = 512;
const bytesOf = (key: Uint8Array): number => ROUTE_BYTES + 4 * key.length;

/**
 * Routes by the bytes that name them, without making strings: exchange and routing key stand next
 * to each other in publish, return, deliver and get-ok, so one range of bytes is the key.
 * Bounded: when full, or when all tables together have spent their budget, it forgets those not looked up
 * lately (routes in use stay valid, they are only found again slower).
 */
export class RouteTable<T> {
  readonly #make: MakeRoute<T>;
  readonly #limit: number;
  readonly #budget: RouteBudget;
  #slots: (Route<T> | undefined)[] = new Array(INITIAL);
  #count = 0;
  /** routes from before the last `age`; one that is looked up moves back to #slots */
  #before: (Route<T> | undefined)[] = [];

  constructor(make: MakeRoute<T>, budget: RouteBudget, limit = 32_768) {
    this.#make = make;
    this.#budget = budget;
    this.#limit = limit;
  }

  /** The route named by buf[start, end). `last`, the caller's previous one, is tried first. */
  find(buf: Uint8Array, start: number, end: number, last: Route<T> | undefined): Route<T> {
    if (last !== undefined && same(last.key, buf, start, end)) return last;
    const hashed = hash(buf, start, end);
    const found = among(this.#slots, hashed, buf, start, end);
    if (found !== undefined) return found;
    const route = among(this.#before, hashed, buf, start, end) ?? this.#made(buf, start, end);
    this.#add(route);
    return route;
  }

  /** Forgets the routes that were not looked up since the call before. */
  age(): void {
    this.#before = this.#slots;
    this.#slots = new Array(INITIAL);
    this.#count = 0;
  }

  /** The routes it holds, some of them twice; others may still be in use. */
  *[Symbol.iterator](): Iterator<Route<T>> {
    for (const slots of [this.#slots, this.#before]) for (const route of slots) if (route !== undefined) yield route;
  }

  #made(buf: Uint8Array, start: number, end: number): Route<T> {
    const split = start + 1 + buf[start];
    // a copy: Buffer's slice would be a view of bytes that the next frame overwrites
    const key = new Uint8Array(buf.subarray(start, end));
    return this.#make(text(buf, start + 1, split), text(buf, split + 1, end), key);
  }

  #add(route: Route<T>): void {
    if (this.#count >= this.#limit) this.age();
    if ((this.#count + 1) * 2 > this.#slots.length) {
      const old = this.#slots;
      this.#slots = new Array(old.length * 2);
      this.#count = 0;
      for (const each of old) if (each !== undefined) this.#place(each);
    }
    this.#place(route);
    this.#budget.spend(bytesOf(route.key));
  }

  #place(route: Route<T>): void {
    const mask = this.#slots.length - 1;
    const home = hash(route.key, 0, route.key.length) & mask;
    for (let probes = 0; probes < MAX_PROBES; probes++) {
      const i = (home + probes) & mask;
      if (this.#slots[i] !== undefined) continue;
      this.#slots[i] = route;
      this.#count++;
      return;
    }
    // one of those that crowd here goes
    this.#slots[home] = route;
  }
}

/** The route of that name in a table of slots. */
function among<T>(
  slots: readonly (Route<T> | undefined)[],
  hashed: number,
  buf: Uint8Array,
  start: number,
  end: number,
): Route<T> | undefined {
  if (slots.length === 0) return undefined;
  const mask = slots.length - 1;
  for (let probes = 0; probes < MAX_PROBES; probes++) {
    const route = slots[(hashed + probes) & mask];
    if (route === undefined || same(route.key, buf, start, end)) return route;
  }
  return undefined;
}

export function same(key: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  const length = key.length;
  if (length !== end - start) return false;
  // names that share a table mostly differ at their end
  for (let i = length - 1; i >= 0; i--) if (key[i] !== buf[start + i]) return false;
  return true;
}

/** Another in each process: who chooses names can't choose those that share a place in a table. */
const SEED = randomInt(2 ** 32);
const MULTIPLIER = randomInt(2 ** 32) | 1;

/** FNV-1a from a seed, and mixed by a multiplier that nobody knows either. */
function hash(buf: Uint8Array, start: number, end: number): number {
  let h = SEED | 0;
  for (let i = start; i < end; i++) h = Math.imul(h ^ buf[i], 0x01000193);
  h = Math.imul(h ^ (h >>> 15), MULTIPLIER);
  return (h ^ (h >>> 16)) >>> 0;
}
