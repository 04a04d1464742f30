import type { ContentHeader } from '../../amqp/content.ts';
import { MalformedError, readU16, text } from '../../amqp/fields.ts';
import { FRAME_HEAD } from '../../amqp/spec.ts';
import { HAS_PARENT, NOTHING_MORE, SAMPLED, TRACED } from '../../events/passage.ts';
import { moreOf, PLAIN_PUBLISH } from '../open-messages/span-detail.ts';
import { type Detail, IDS } from '../open-messages/window.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import { type Interceptor, SENT, TRACEPARENT, X_DELAY } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Fault } from '../ports/verdict.ts';
import { changeHeaders } from '../routing/header-change.ts';
import type { Route, RouteTable } from '../routing/routes.ts';
import type { FrameSink } from '../stream/delay-line.ts';
import {
  MANDATORY,
  type Publishing,
  RETURN_IS_EMPTY,
  SENT_ADDED,
  SHADOW,
  TABLE_ADDED,
  TRACE_ADDED,
} from './publish.ts';

/** behind class and method id */
const ARGUMENTS = FRAME_HEAD + 4;

/** Follows the frames of one publish at a time, from basic.publish to its last body byte. */
export class PublishContent {
  readonly #plane: Plane;
  readonly #scope: Scope;
  #routes: RouteTable<PublishTally>;
  /** of the publish at hand: a configuration that comes in the middle of it is for the next one */
  #interceptor: Interceptor;
  readonly #publish: Publishing;
  #last: Route<PublishTally> | undefined;
  /** body bytes still to come; -1: the header is; -2: none is at hand */
  #remaining = -2;

  /** the method frame, kept until the header shows whether our mandatory bit may go on it */
  #held: Uint8Array | undefined;
  #heldStart = 0;
  #heldEnd = 0;
  #heldForShadow = false;

  constructor(plane: Plane, scope: Scope) {
    this.#plane = plane;
    this.#scope = scope;
    this.#routes = plane.publishRoutes(scope);
    this.#interceptor = plane.interceptor;
    this.#publish = {
      route: undefined as unknown as Route<PublishTally>,
      time: 0,
      size: 0,
      detail: undefined,
      stamp: Number.NaN,
      bits: 0,
      ids: new Uint32Array(IDS),
      idsAt: 0,
      latency: Number.NaN,
      fault: '',
    };
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

  /**
   * A publish that lies whole in the chunk; its content header is in the plane's flyweight. Returns
   * true if plane.edit holds something to splice in.
   */
  whole(route: Route<PublishTally>, bits: number, frameMax: number, now: number): boolean {
    const { header, interceptor } = this.#plane;
    const publish = this.#publish;
    this.#interceptor = interceptor;
    publish.route = route;
    publish.time = now;
    publish.bits = route.answers ? bits | RETURN_IS_EMPTY : bits;
    publish.detail = undefined;
    publish.stamp = Number.NaN;
    publish.fault = '';
    publish.size = header.bodySize;
    return this.#trace(header, frameMax, now);
  }

  /**
   * `whole` for one without observed headers, whose route adds nothing but ours: writes what is added
   * to its table to `view` at `at`, and returns the bytes.
   */
  bare(route: Route<PublishTally>, bits: number, view: DataView, at: number, now: number): number {
    const { header, context, sent, interceptor } = this.#plane;
    const publish = this.#publish;
    publish.route = route;
    publish.time = now;
    publish.size = header.bodySize;
    publish.fault = '';
    sent.write(view, at, now);
    context.ratio = route.treatment.sample;
    const added = interceptor.onBarePublish(context, view, at + sent.bytes, now);
    publish.bits =
      bits |
      SENT_ADDED |
      (added > 0 ? TRACE_ADDED : 0) |
      (header.hasTable ? 0 : TABLE_ADDED) |
      (route.answers ? RETURN_IS_EMPTY : 0) |
      (context.traced ? TRACED : 0);
    publish.stamp = sent.finish(view, at, publish.bits);
    publish.detail = undefined;
    if (context.traced && context.sampled) {
      publish.bits |= SAMPLED;
      for (let i = 0; i < IDS; i++) publish.ids[i] = context.ids[i];
      publish.detail = this.#detail(header);
    }
    return sent.bytes + added;
  }

  /** The publish at hand. */
  get publish(): Publishing {
    return this.#publish;
  }

  /** A basic.publish frame. Throws MalformedError. */
  method(buf: Uint8Array, start: number, end: number, now: number): void {
    this.#remaining = -2;
    const key = start + ARGUMENTS + 2;
    const routingKey = key + 1 + buf[key];
    const keyEnd = routingKey + 1 + buf[routingKey];
    // one octet of bits, and the frame end
    if (!(keyEnd + 2 <= end)) throw new MalformedError('basic.publish');
    const publish = this.#publish;
    publish.route = this.route(buf, key, keyEnd);
    this.#interceptor = this.#plane.interceptor;
    publish.time = now;
    publish.bits = (buf[keyEnd] & 1) !== 0 ? MANDATORY : 0;
    publish.detail = undefined;
    publish.stamp = Number.NaN;
    publish.fault = '';
    this.#remaining = -1;
  }

  /**
   * Its content header, already read into the plane's flyweight, and `resolve` called (`readable`: false if it could not
   * be). Returns true if plane.edit holds something to splice in.
   */
  header(readable: boolean, frameMax: number, now: number): boolean {
    if (this.#remaining !== -1) return false;
    const { header, observer } = this.#plane;
    this.#publish.size = header.bodySize;
    this.#remaining = header.bodySize;
    if (!readable) {
      observer.traffic.unobserved('malformed_content');
      if (Number.isNaN(header.bodySize)) this.#remaining = -2;
      return false;
    }
    if (this.#publish.route.answers || header.value(X_DELAY) >= 0) this.#publish.bits |= RETURN_IS_EMPTY;
    return this.#trace(header, frameMax, now);
  }

  #trace(header: ContentHeader, frameMax: number, now: number): boolean {
    const { edit, context, sent, observer, middleware } = this.#plane;
    const publish = this.#publish;
    const { treatment } = publish.route;
    edit.remove = header.value(SENT) >= 0 ? 1 << SENT : 0;
    sent.write(edit.view, 0, now);
    edit.added = sent.bytes;
    context.ratio = treatment.sample;
    const headers =
      middleware === undefined ? treatment.headers : middleware.onPublish(header, publish.route, this.#scope, context);
    this.#interceptor.onPublish(header, context, edit, now);
    if (context.traced) {
      for (let i = 0; i < IDS; i++) publish.ids[i] = context.ids[i];
      publish.bits |= TRACED | (context.hasParent ? HAS_PARENT : 0) | (context.sampled ? SAMPLED : 0);
      if (context.sampled) publish.detail = this.#detail(header);
    }
    const { propagate } = treatment;
    const ours = SENT_ADDED | (edit.added > sent.bytes ? TRACE_ADDED : 0) | (header.hasTable ? 0 : TABLE_ADDED);
    const stamp = sent.finish(edit.view, 0, publish.bits | ours);
    if (!propagate) {
      publish.stamp = header.integer(SENT);
      if (headers === undefined) return false;
      edit.added = 0;
      edit.remove = 0;
    }
    if (headers !== undefined) {
      changeHeaders(headers, header, edit);
      if (edit.added === 0 && edit.remove === 0) return false;
    }
    if (frameMax > 0 && header.splicedSize(edit.remove, edit.added) > frameMax) {
      observer.traffic.unobserved('frame_max');
      publish.stamp = header.integer(SENT);
      return false;
    }
    if (propagate) {
      publish.stamp = stamp;
      publish.bits |= ours;
    }
    return true;
  }

  #detail(header: ContentHeader): Detail {
    const { bits, fault } = this.#publish;
    const more = moreOf(header, (bits & HAS_PARENT) !== 0, fault);
    return more === NOTHING_MORE ? PLAIN_PUBLISH : { ...PLAIN_PUBLISH, more };
  }

  /** The publish at hand wants our mandatory bit, if its header allows: the frame must be held. */
  get wantsShadow(): boolean {
    return this.#remaining === -1 && this.#publish.route.shadow && (this.#publish.bits & MANDATORY) === 0;
  }

  /** Ask for confirms ahead of the publish at hand. */
  get wantsConfirms(): boolean {
    return this.#remaining === -1 && this.#publish.route.treatment.loss === 'confirms';
  }

  /** Faults may strike the publish at hand: its frame must be held until its header tells. */
  get mayStrike(): boolean {
    return this.#remaining === -1 && this.#publish.route.treatment.mayStrike;
  }

  /** Its content header can be read: what it says decides on the treatment. Throws MalformedError. */
  resolve(): void {
    if (this.#remaining !== -1) return;
    const { variants } = this.#publish.route;
    if (variants !== undefined) this.#publish.route = variants.of(this.#plane.header);
  }

  /** Of the publish at hand, once its treatment is known; undefined: none. */
  get faults(): readonly Fault[] | undefined {
    return this.#remaining === -1 ? this.#publish.route.treatment.faults : undefined;
  }

  /** Faults struck the publish at hand. */
  struck(types: string): void {
    this.#publish.fault = types;
  }

  /** No part of a publish is still to come, and none is held. */
  get isBetween(): boolean {
    return this.#remaining === -2 && this.#held === undefined;
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
    // an exchange that delays returns whatever is mandatory (FACTS, C)
    if (headerRead && this.#heldForShadow && this.#plane.header.value(X_DELAY) < 0) {
      // the octet of bits is the last before the frame end
      held[this.#heldEnd - 2] |= 1;
      this.#publish.bits |= MANDATORY | SHADOW;
    }
    output.keep(held, this.#heldStart, this.#heldEnd);
  }

  /** `payload` more body bytes passed. */
  body(payload: number): void {
    if (this.#remaining > 0) this.#remaining -= payload;
  }

  /**
   * The publish at hand if its last byte has passed, once; it is valid until the next method frame.
   */
  ended(): Publishing | undefined {
    if (this.#remaining !== 0) return undefined;
    this.#remaining = -2;
    return this.#publish;
  }
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

/**
 * What to take out of a returned message so that the app gets back what it sent, by what is known of its publish.
 * Observed headers as a bit set.
 */
export function addedHeaders(header: ContentHeader, bits: number): { remove: number; dropTable: boolean } {
  const sentAdded = (bits & SENT_ADDED) !== 0 && header.value(SENT) >= 0;
  const traceAdded = (bits & TRACE_ADDED) !== 0 && header.value(TRACEPARENT) >= 0;
  const remove = (sentAdded ? 1 << SENT : 0) | (traceAdded ? 1 << TRACEPARENT : 0);
  const dropTable = remove !== 0 && (bits & TABLE_ADDED) !== 0 && header.hasOnly(remove);
  return { remove, dropTable };
}
