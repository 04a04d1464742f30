import type { ContentHeader } from '../../amqp/content.ts';
import { MalformedError, readU16, text } from '../../amqp/fields.ts';
import { FRAME_HEAD } from '../../amqp/spec.ts';
import type { Detours } from '../plane/detours.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { type Interceptor, SENT, X_DELAY } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Fault } from '../ports/verdict.ts';
import type { Route, RouteTable } from '../routing/routes.ts';
import type { FrameSink } from '../stream/delay-line.ts';
import type { Origin } from './assumed-publishes.ts';
import type { HeaderInjection } from './header-injection.ts';
import { contextsOf, IMMEDIATE, MANDATORY, RETURN_IS_EMPTY, SENT_ADDED, SHADOW, TABLE_ADDED } from './publish-marks.ts';
import { PublishRun } from './publish-run.ts';
import type { Names } from './returns.ts';

/** behind class and method id */
const ARGUMENTS = FRAME_HEAD + 4;
const NO_ROUTE = undefined as unknown as Route<PublishTally>;

/** The part of the publish at hand that comes next. */
type Awaited = 'nothing' | 'header' | 'body';

/** Assembles the frames of one publish at a time, from basic.publish to its last body byte, to a run of one. */
export class PublishFrames {
  readonly #plane: Plane;
  readonly #scope: Scope;
  readonly #channel: number;
  readonly #detours: Detours;
  readonly #injection: HeaderInjection;
  #routes: RouteTable<PublishTally>;
  /** the one that was in force when the publish at hand began: a new configuration is for the next publish */
  #interceptor: Interceptor;
  readonly #run = new PublishRun(1);
  #route = NO_ROUTE;
  #marks = 0;
  #time = 0;
  #last: Route<PublishTally> | undefined;
  #awaited: Awaited = 'nothing';
  /** body bytes still to come */
  #remaining = 0;

  /** the method frame, kept until the header shows whether our mandatory bit may go on it */
  #held: Uint8Array | undefined;
  #heldStart = 0;
  #heldEnd = 0;
  #heldForShadow = false;

  constructor(plane: Plane, scope: Scope, channel: number, detours: Detours, injection: HeaderInjection) {
    this.#plane = plane;
    this.#scope = scope;
    this.#channel = channel;
    this.#detours = detours;
    this.#injection = injection;
    this.#routes = plane.publishRoutes(scope);
    this.#interceptor = plane.interceptor;
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    this.#routes = this.#plane.publishRoutes(this.#scope);
    this.#last = undefined;
  }

  /** Where publishes of these names are counted. */
  route(buf: Uint8Array, start: number, end: number): Route<PublishTally> {
    this.#last = this.#routes.find(buf, start, end, this.#last);
    return this.#last;
  }

  /** A basic.publish frame. Throws MalformedError. */
  method(buf: Uint8Array, start: number, end: number, now: number): void {
    this.#await('nothing');
    const key = start + ARGUMENTS + 2;
    const routingKey = key + 1 + buf[key];
    const keyEnd = routingKey + 1 + buf[routingKey];
    // one octet of bits, and the frame end
    if (!(keyEnd + 2 <= end)) throw new MalformedError('basic.publish');
    this.#route = this.route(buf, key, keyEnd);
    this.#interceptor = this.#plane.interceptor;
    this.#time = now;
    this.#marks = ((buf[keyEnd] & 1) !== 0 ? MANDATORY : 0) | ((buf[keyEnd] & 2) !== 0 ? IMMEDIATE : 0);
    this.#run.fault = '';
    this.#await('header');
  }

  #await(what: Awaited): void {
    this.#awaited = what;
    this.#detours.set('assembling', what !== 'nothing' || this.#held !== undefined);
  }

  /** No part of a publish is still to come, and none is held. */
  get isBetween(): boolean {
    return this.#awaited === 'nothing' && this.#held === undefined;
  }

  /**
   * Its content header, already read into the plane's flyweight, and `resolve` called (`readable`: false if it could not
   * be). Returns true if plane.edit holds something to splice in.
   */
  header(readable: boolean, frameMax: number, now: number): boolean {
    if (this.#awaited !== 'header') return false;
    const { header, observer } = this.#plane;
    const injection = this.#injection;
    const size = header.bodySize;
    this.#remaining = size;
    const run = this.#run;
    run.begin(this.#route, this.#time);
    let splice = false;
    if (readable) {
      if (header.value(X_DELAY) >= 0) this.#marks |= RETURN_IS_EMPTY;
      splice = injection.edit(
        run,
        this.#route,
        this.#scope,
        this.#channel,
        this.#interceptor,
        this.#marks,
        frameMax,
        now,
      );
    } else {
      observer.traffic.unobserved('malformed_content');
      injection.none(run, this.#route, this.#marks);
    }
    this.#await(Number.isNaN(size) ? 'nothing' : 'body');
    injection.join(run, size, never);
    return splice;
  }

  /** The publish at hand wants our mandatory bit, if its header allows: the frame must be held. */
  get wantsShadow(): boolean {
    return this.#awaited === 'header' && this.#route.shadow && (this.#marks & MANDATORY) === 0;
  }

  /** Of the publish at hand: where it is counted, as far as its names say. */
  get named(): Names {
    return this.#route;
  }

  /** Ask for confirms ahead of the publish at hand. */
  get wantsConfirms(): boolean {
    return this.#awaited === 'header' && this.#route.treatment.loss === 'confirms';
  }

  /** Faults may strike the publish at hand: its frame must be held until its header tells. */
  get mayStrike(): boolean {
    return this.#awaited === 'header' && this.#route.treatment.mayStrike;
  }

  /** Its content header can be read: what it says decides on the treatment. Throws MalformedError. */
  resolve(): void {
    if (this.#awaited !== 'header') return;
    const { variants } = this.#route;
    if (variants !== undefined) this.#route = variants.of(this.#plane.header);
  }

  /** The faults of the publish at hand, once its treatment is known; undefined: none. */
  get faults(): readonly Fault[] | undefined {
    return this.#awaited === 'header' ? this.#route.treatment.faults : undefined;
  }

  /** Faults struck the publish at hand. */
  struck(types: string): void {
    this.#run.fault = types;
  }

  /** `buf` must stay as it is until `release`; `forShadow`: it may get our mandatory bit then. */
  hold(buf: Uint8Array, start: number, end: number, forShadow: boolean): void {
    this.#held = buf;
    this.#heldStart = start;
    this.#heldEnd = end;
    this.#heldForShadow = forShadow;
  }

  /** The frame that was held goes out now; with our mandatory bit if the header just read allows it. */
  release(output: FrameSink, headerRead: boolean): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    // an exchange that delays returns whatever is mandatory
    if (headerRead && this.#heldForShadow && this.#plane.header.value(X_DELAY) < 0) {
      // the octet of bits is the last before the frame end
      held[this.#heldEnd - 2] |= 1;
      this.#marks |= MANDATORY | SHADOW;
    }
    output.keep(held, this.#heldStart, this.#heldEnd);
    this.#await(this.#awaited);
  }

  /** `payload` more body bytes passed. */
  body(payload: number): void {
    if (this.#awaited === 'body') this.#remaining -= payload;
  }

  /** Asked after each frame: the publish, if its last byte has just passed. It is valid until the next header. */
  ended(): PublishRun | undefined {
    if (this.#awaited !== 'body' || this.#remaining !== 0) return undefined;
    this.#await('nothing');
    return this.#run;
  }
}

/** A run of one begins with the message that joins it. */
function never(): never {
  throw new Error('a run of one holds nothing before its message');
}

/** The code and text of a basic.return, and where its exchange and routing key stand. Throws MalformedError. */
export function readReturn(buf: Uint8Array, start: number, end: number) {
  const code = readU16(buf, start + ARGUMENTS);
  const reply = start + ARGUMENTS + 2;
  const key = reply + 1 + buf[reply];
  const routingKey = key + 1 + buf[key];
  const keyEnd = routingKey + 1 + buf[routingKey];
  if (!(keyEnd + 1 <= end)) throw new MalformedError('basic.return');
  return { code, reply: text(buf, reply + 1, key), key, keyEnd };
}

/** What is done to a returned message so that the app gets back what it sent. */
export interface Restored {
  /** observed headers to take away, as a bit set */
  remove: number;
  dropTable: boolean;
  /** type and value that x-tracehare-sent had; undefined: there was none, or it is still there */
  replaced: Uint8Array | undefined;
}

export const UNTOUCHED: Restored = { remove: 0, dropTable: false, replaced: undefined };

/** By what is known of its publish. */
export function restored(header: ContentHeader, interceptor: Interceptor, { marks, replaced }: Origin): Restored {
  const sentAdded = (marks & SENT_ADDED) !== 0 && header.value(SENT) >= 0;
  const contexts = header.among(interceptor.headersOf(contextsOf(marks)));
  const remove = (sentAdded ? 1 << SENT : 0) | contexts;
  const dropTable = remove !== 0 && (marks & TABLE_ADDED) !== 0 && header.hasOnly(remove);
  return { remove, dropTable, replaced: sentAdded ? replaced : undefined };
}
