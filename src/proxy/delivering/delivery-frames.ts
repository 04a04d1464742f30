import { MalformedError, readU64 } from '../../amqp/fields.ts';
import { FRAME_HEAD } from '../../amqp/spec.ts';
import type { Detours } from '../plane/detours.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { DeliveryTally } from '../ports/observer.ts';
import type { Fault } from '../ports/verdict.ts';
import type { Route } from '../routing/routes.ts';
import type { Consumer } from './consumer.ts';
import type { DeliveryReading } from './delivery-reading.ts';
import { DeliveryRun } from './delivery-run.ts';

/** behind class and method id */
const ARGUMENTS = FRAME_HEAD + 4;

/** The part of the delivery at hand that comes next. */
type Awaited = 'nothing' | 'header' | 'body';

/** Assembles the frames of one delivery or get-ok at a time, to its last body byte, to a run of one. */
export class DeliveryFrames {
  readonly #plane: Plane;
  readonly #scope: Scope;
  readonly #detours: Detours;
  readonly #reading: DeliveryReading;
  readonly #run = new DeliveryRun(1);
  #tag = 0;
  #redelivered = false;
  #awaited: Awaited = 'nothing';
  /** body bytes still to come */
  #remaining = 0;

  constructor(plane: Plane, scope: Scope, detours: Detours, reading: DeliveryReading) {
    this.#plane = plane;
    this.#scope = scope;
    this.#detours = detours;
    this.#reading = reading;
  }

  /** A basic.deliver frame; `find` tells whose consumer tag it is. Throws MalformedError. */
  deliver(
    buf: Uint8Array,
    start: number,
    end: number,
    now: number,
    find: (buf: Uint8Array, start: number, end: number) => Consumer | undefined,
  ): void {
    this.#await('nothing');
    const tag = start + ARGUMENTS + 1;
    const tagEnd = tag + buf[tag - 1];
    if (!(tagEnd < end)) throw new MalformedError('basic.deliver');
    const consumer = find(buf, tag, tagEnd);
    if (consumer === undefined) throw new MalformedError('basic.deliver: unknown consumer tag');
    this.#begin(buf, tagEnd, end, now, consumer, false);
  }

  /** A basic.get-ok frame that answers a get from `source`. Throws MalformedError. */
  got(buf: Uint8Array, start: number, end: number, now: number, source: Consumer): void {
    this.#await('nothing');
    this.#begin(buf, start + ARGUMENTS, end, now, source, true);
  }

  /** Delivery tag, redelivered, exchange and routing key stand in this order in both. */
  #begin(buf: Uint8Array, at: number, end: number, now: number, source: Consumer, get: boolean): void {
    const key = at + 9;
    const routingKey = key + 1 + buf[key];
    const keyEnd = routingKey + 1 + buf[routingKey];
    if (!(keyEnd + 1 <= end)) throw new MalformedError('delivery');
    const run = this.#run;
    run.begin(source.route(buf, key, keyEnd), now);
    run.source = source;
    run.get = get;
    run.fault = '';
    this.#tag = readU64(buf, at);
    this.#redelivered = (buf[at + 8] & 1) !== 0;
    this.#await('header');
  }

  #await(what: Awaited): void {
    this.#awaited = what;
    this.#detours.set('assembling', what !== 'nothing');
  }

  /** Faults may strike the delivery at hand: its frame must be held until its header tells. */
  get mayStrike(): boolean {
    return this.#awaited === 'header' && this.#route.treatment.mayStrike;
  }

  /** Its content header can be read: what it says decides on the treatment. Throws MalformedError. */
  resolve(): void {
    if (this.#awaited !== 'header') return;
    const { variants } = this.#route;
    if (variants !== undefined) this.#run.route = variants.of(this.#plane.header);
  }

  /** The faults of the delivery at hand, once its treatment is known; undefined: none. */
  get faults(): readonly Fault[] | undefined {
    return this.#awaited === 'header' ? this.#route.treatment.faults : undefined;
  }

  /** The app has to settle the delivery at hand. */
  get awaitsSettlement(): boolean {
    return !this.#run.source.noAck;
  }

  /** Of the delivery at hand. */
  get tag(): number {
    return this.#tag;
  }

  /** Faults struck the delivery at hand, which goes to the app at `time`. */
  struck(types: string, time: number): void {
    this.#run.fault = types;
    this.#run.time = time;
  }

  /** No part of a delivery is still to come. */
  get isBetween(): boolean {
    return this.#awaited === 'nothing';
  }

  /** The app does not get the delivery at hand, of which the header has come. Returns it. */
  withdraw(): DeliveryRun {
    this.#await('nothing');
    return this.#run;
  }

  /** Its content header, already read into the plane's flyweight; `now`: when it goes to the app. */
  header(readable: boolean, now: number): void {
    if (this.#awaited !== 'header') return;
    const { header, observer } = this.#plane;
    const reading = this.#reading;
    const size = header.bodySize;
    this.#remaining = size;
    if (readable) reading.read(this.#run, this.#scope, this.#redelivered, now);
    else {
      observer.traffic.unobserved('malformed_content');
      reading.none(this.#redelivered);
    }
    this.#await(Number.isNaN(size) ? 'nothing' : 'body');
    reading.join(this.#run, this.#tag, size, never);
  }

  /** `payload` more body bytes passed. */
  body(payload: number): void {
    if (this.#awaited === 'body') this.#remaining -= payload;
  }

  /** Asked after each frame: the delivery, if its last byte has just passed. It is valid until the next method frame. */
  ended(): DeliveryRun | undefined {
    if (this.#awaited !== 'body' || this.#remaining !== 0) return undefined;
    this.#await('nothing');
    return this.#run;
  }

  get #route(): Route<DeliveryTally> {
    return this.#run.route;
  }
}

/** A run of one begins with the message that joins it. */
function never(): never {
  throw new Error('a run of one holds nothing before its message');
}
