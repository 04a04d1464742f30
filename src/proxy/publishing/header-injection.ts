import type { ContentHeader } from '../../amqp/content.ts';
import { HAS_PARENT, type More, NOTHING_MORE, SAMPLED, TRACED } from '../../events/passage.ts';
import { IDS } from '../open-messages/run.ts';
import { moreOf, PLAIN_PUBLISH, type SpanDetail, withCause } from '../open-messages/span-detail.ts';
import type { Correlation } from '../plane/correlation.ts';
import type { Plane, Scope } from '../plane/plane.ts';
import type { Cause, Interceptor, TraceContext } from '../ports/interceptor.ts';
import { SENT, X_DEATH } from '../ports/interceptor.ts';
import type { PublishTally } from '../ports/observer.ts';
import { type Deaths, digestOf, readDeaths } from '../routing/deaths.ts';
import { changeHeaders } from '../routing/header-change.ts';
import type { Route } from '../routing/routes.ts';
import { contextMarks, EXPIRATION, RETURN_IS_EMPTY, SENT_ADDED, TABLE_ADDED, USER_ID } from './publish-marks.ts';
import type { PublishRun } from './publish-run.ts';
import { SentStamp } from './sent-stamp.ts';

/**
 * Decides what is added to the content header of the publish at hand, and adds the message to its run. It works on the
 * plane's header, which was just read for it, and on one message after the other: never on two at a time.
 */
export class HeaderInjection {
  readonly #plane: Plane;
  readonly #correlation: Correlation;
  readonly #sent: SentStamp;
  // of the message at hand
  #marks = 0;
  #passageBits = 0;
  #stamp = Number.NaN;
  #detail: SpanDetail | undefined;
  #replaced: Uint8Array | undefined;
  /** of the last message that had nothing to tell but its cause */
  #caused: { readonly cause: Cause; readonly isParent: boolean; readonly detail: SpanDetail } | undefined;
  #isPersistent = true;

  constructor(plane: Plane, correlation: Correlation) {
    this.#plane = plane;
    this.#correlation = correlation;
    this.#sent = new SentStamp(plane.clock);
  }

  /**
   * For a message without observed headers on a route that adds nothing but ours: writes the entries to `view` at
   * `at`, and returns their bytes. `join` follows.
   */
  bare(
    run: PublishRun,
    route: Route<PublishTally>,
    channel: number,
    marks: number,
    view: DataView,
    at: number,
    now: number,
  ): number {
    const { header, context, interceptor } = this.#plane;
    const sent = this.#sent;
    this.#begin(run, route, marks | suspicions(header));
    context.cause = this.#correlation.causeOf(route, now);
    sent.write(view, at, now);
    const added = interceptor.onBarePublish(context, view, at + sent.bytes, now);
    this.#traced(header, run.fault);
    this.#marks |= ours(header, context.added);
    this.#stamp = sent.finish(view, at, this.#marks, -1);
    if (header.has('replyTo')) this.#correlation.asks(channel, route, now);
    return sent.bytes + added;
  }

  /**
   * For any other. Returns true if plane.edit holds something to splice in. `interceptor`: the one in force when the
   * message began. `frameMax`: 0 for no limit. `join` follows.
   */
  edit(
    run: PublishRun,
    route: Route<PublishTally>,
    scope: Scope,
    channel: number,
    interceptor: Interceptor,
    marks: number,
    frameMax: number,
    now: number,
  ): boolean {
    const { header, edit, context, observer, middleware } = this.#plane;
    const sent = this.#sent;
    const { treatment } = route;
    this.#begin(run, route, marks | suspicions(header));
    context.cause = this.#correlation.causeOf(route, now);
    if (header.has('replyTo')) this.#correlation.asks(channel, route, now);
    const replaced = copiedStamp(header);
    // a stamp of the same size is written over, so that it can come back in its old place; several become one
    const inPlace = replaced?.length === STAMP_BYTES && header.isSingle(SENT);
    // one that no Tracehare wrote, and too large to be kept until it may come back, stays
    const isForeign = replaced !== undefined && replaced.length > MOST_REPLACED;
    const isAdded = !inPlace && !isForeign;
    edit.remove = replaced !== undefined && isAdded ? 1 << SENT : 0;
    sent.write(edit.view, 0, now);
    const own = isAdded ? sent.bytes : 0;
    edit.added = own;
    const headers = middleware === undefined ? treatment.headers : middleware.onPublish(header, route, scope, context);
    interceptor.onPublish(header, context, edit, now);
    this.#traced(header, run.fault);
    let added = ours(header, context.added);
    if (isForeign) added &= ~SENT_ADDED;
    const deaths = header.value(X_DEATH) >= 0 ? readDeaths(header) : undefined;
    const digest = deaths === undefined ? -1 : digestOf(deaths, route);
    const stamp = sent.stamp(this.#marks | added, digest);
    if (isAdded) sent.finish(edit.view, 0, this.#marks | added, digest);
    const { propagate } = treatment;
    if (!propagate) {
      this.#stamp = header.integer(SENT);
      this.#unstamped(deaths, scope);
      if (headers === undefined) return false;
      edit.added = edit.remove = 0;
    }
    if (headers !== undefined) changeHeaders(headers, header, edit);
    if (frameMax > 0 && header.splicedSize(edit.remove, edit.added) > frameMax) {
      observer.traffic.unobserved('frame_max');
      this.#stamp = header.integer(SENT);
      this.#unstamped(deaths, scope);
      return false;
    }
    if (propagate) {
      this.#stamp = isForeign ? header.integer(SENT) : stamp;
      this.#marks |= added;
      this.#replaced = isForeign ? undefined : replaced;
      if (inPlace) sent.overwrite(header.buf, header.value(SENT), stamp);
    }
    return edit.added > 0 || edit.remove !== 0;
  }

  /** No stamp will tell that its x-death is the app's own. */
  #unstamped(deaths: Deaths | undefined, { vhost }: Scope): void {
    if (deaths !== undefined && deaths.queue !== '') this.#plane.facts.queues.claimed(vhost, deaths.queue);
  }

  /** The header could not be read: the message passes as it is. `join` follows. */
  none(run: PublishRun, route: Route<PublishTally>, marks: number): void {
    this.#begin(run, route, marks);
    this.#stamp = Number.NaN;
    this.#isPersistent = true;
  }

  /**
   * The message at hand, with so many bytes in its body, is one more of `run`. `full` is told of the run first if
   * that holds others that differ from it.
   */
  join(run: PublishRun, size: number, full: (run: PublishRun) => void): void {
    if (run.count > 0 && !this.#goesOn(run)) {
      const at = run.count * IDS;
      full(run);
      run.clear();
      run.ids.copyWithin(0, at, at + IDS);
    }
    if (run.count === 0) {
      run.marks = this.#marks;
      run.passageBits = this.#passageBits;
      run.stamp = this.#stamp;
      run.detail = this.#detail;
      run.replaced = this.#replaced;
      run.isPersistent = this.#isPersistent;
    }
    run.add(size);
  }

  #goesOn(run: PublishRun): boolean {
    return (
      run.marks === this.#marks &&
      run.passageBits === this.#passageBits &&
      run.detail === this.#detail &&
      Object.is(run.stamp, this.#stamp)
    );
  }

  #begin(run: PublishRun, route: Route<PublishTally>, marks: number): void {
    const { context } = this.#plane;
    context.ids = run.ids;
    context.at = run.count * IDS;
    context.ratio = route.treatment.sample;
    context.traced = context.adopted = false;
    context.cause = undefined;
    context.added = 0;
    this.#marks = route.answers ? marks | RETURN_IS_EMPTY : marks;
    this.#passageBits = 0;
    this.#detail = undefined;
    this.#replaced = undefined;
    this.#isPersistent = this.#plane.header.isPersistent;
  }

  /** The interceptor has decided. */
  #traced(header: ContentHeader, fault: string): void {
    const { traced, hasParent, isW3c, sampled, cause, adopted } = this.#plane.context;
    if (!traced) return;
    this.#passageBits = TRACED | (hasParent ? HAS_PARENT : 0) | (sampled ? SAMPLED : 0);
    if (!sampled) return;
    const more = moreOf(header, hasParent && isW3c && !adopted, fault, this.#plane.options);
    if (cause?.sampled) this.#detail = this.#detailOf(more, cause);
    else this.#detail = more === NOTHING_MORE ? PLAIN_PUBLISH : { ...PLAIN_PUBLISH, more };
  }

  #detailOf(more: More, cause: Cause): SpanDetail {
    const { context } = this.#plane;
    const isParent = context.adopted || (cause.adopts && carriesOn(context, cause));
    const last = this.#caused;
    if (more === NOTHING_MORE && last?.cause === cause && last.isParent === isParent) return last.detail;
    const detail = { ...PLAIN_PUBLISH, more: withCause(more, cause, isParent) };
    if (more === NOTHING_MORE) this.#caused = { cause, isParent, detail };
    return detail;
  }
}

/** The publish has the context with which came what it comes of: its app copied it. */
function carriesOn({ ids, at, hasParent }: TraceContext, cause: Cause): boolean {
  if (!hasParent) return false;
  for (let i = 0; i < 8; i++) if ((i < 4 || i > 5) && ids[at + i] !== cause.ids[i]) return false;
  return true;
}

const MILLISECONDS = /^\d+$/;

/** Properties of the message at hand for which the broker may refuse it. */
function suspicions(header: ContentHeader): number {
  const userId = header.has('userId') ? USER_ID : 0;
  if (!header.has('expiration') || MILLISECONDS.test(header.property('expiration'))) return userId;
  return userId | EXPIRATION;
}

/** Type octet and value of our own stamp. */
const STAMP_BYTES = 9;
/** Bytes of a type octet and value that are kept for each open publish, at most. */
const MOST_REPLACED = 64;

/** Type and value of an x-tracehare-sent that the message at hand came with; undefined: there is none. */
function copiedStamp(header: ContentHeader): Uint8Array | undefined {
  const at = header.value(SENT);
  return at < 0 ? undefined : new Uint8Array(header.buf.subarray(at, header.valueEnd(SENT)));
}

/** What of the message at hand is ours, once it is sent. */
function ours({ hasTable }: ContentHeader, contexts: number): number {
  return SENT_ADDED | contextMarks(contexts) | (hasTable ? 0 : TABLE_ADDED);
}
