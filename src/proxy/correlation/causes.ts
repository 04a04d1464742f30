import type { ContentHeader } from '../../amqp/content.ts';
import { HAS_PARENT, SAMPLED, TRACED } from '../../events/passage.ts';
import { type OpenMessages, SETTLEMENT, type Stretch } from '../open-messages/open-messages.ts';
import type { Remembered } from '../open-messages/run.ts';
import { makeRoom } from '../ports/bounded.ts';
import { type Cause, type Evidence, type Interceptor, TRACEPARENT, type TraceContext } from '../ports/interceptor.ts';
import type { DeliveryTally, PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { Handling } from './handling.ts';
import type { Hash } from './key-hash.ts';
import type { Requests } from './requests.ts';

/** What is made of a publish that comes of a delivery: nothing, a link, or a child of it. */
export type CauseUse = 'off' | 'link' | 'parent';

type Open = OpenMessages<DeliveryTally>;

/** A connection, as far as the causes of what it publishes go. */
export interface Holder {
  /** what the app has yet to settle, of each channel */
  held(): Iterable<Open>;
  /** of Requests.app */
  readonly requester: Hash;
}

/** Correlation ids of one connection that are remembered, of either kind. */
const MOST_IDS = 4096;
/** ms for which a delivery that was settled may still be worked on. */
const WORKED_ON_MS = 60_000;
/** Rows of open deliveries that are looked at for one publish. */
const MOST_ROWS = 1024;

/** What is found among open deliveries by one kind of evidence. */
interface Found {
  count: number;
  readonly ids: Uint32Array;
  /** HAS_PARENT, SAMPLED and TRACED */
  bits: number;
}

interface OnlyOne {
  readonly queue: string;
  readonly cause: Cause | undefined;
}

const found = (): Found => ({ count: 0, ids: new Uint32Array(8), bits: 0 });

/** Tells of each publish of one connection which delivery it comes of, as far as there is proof. */
export class Causes {
  readonly handling: Handling;
  readonly #requests: Requests;
  readonly #holder: Holder;
  readonly #limited: () => void;
  /** the app names messages in what it publishes: from when on deliveries are remembered by their names, ms of the clock */
  #comparesSince = Number.POSITIVE_INFINITY;
  /** what it settled before that had names too */
  #settledBefore = false;
  /** correlation ids that it published with since a delivery that had them was settled */
  readonly #published = new Set<string>();
  /** those of deliveries that were settled before anything was published with them */
  readonly #quiet = new Set<string>();
  readonly #own = new Uint32Array(8);
  readonly #byContext = found();
  readonly #byCorrelation = found();
  readonly #byMessage = found();
  readonly #byBeingAlone = found();
  /** as it was found last, as long as nothing has changed */
  #only: OnlyOne | undefined;
  #onlyVersion = -1;
  #onlyUse: CauseUse = 'off';

  constructor(handling: Handling, requests: Requests, holder: Holder, limited: () => void) {
    this.handling = handling;
    this.#requests = requests;
    this.#holder = holder;
    this.#limited = limited;
  }

  /** Deliveries are to be remembered by their names, told of or not. */
  get comparesNames(): boolean {
    return this.#comparesSince !== Number.POSITIVE_INFINITY;
  }

  /** Of the publish whose header was just read; `isSeparate`: spans of deliveries are in traces of their own. */
  of(
    header: ContentHeader,
    route: Route<PublishTally>,
    use: CauseUse,
    interceptor: Interceptor,
    context: TraceContext,
    isSeparate: boolean,
    now: number,
  ): Cause | undefined {
    const { handling } = this;
    const holdsNothing = handling.open === 0;
    if (holdsNothing && !route.answers && !header.isCorrelated) {
      handling.publishedAlone(route.topic);
      return undefined;
    }
    const reply = this.#requests.areThere
      ? this.#requests.answeredBy(this.#holder.requester, header, route)
      : undefined;
    if (holdsNothing) {
      if (reply === undefined) handling.publishedAlone(route.topic);
      return reply;
    }
    handling.publishes(route.topic);
    const only = handling.open === 1 ? this.#onlyOne(use, isSeparate) : undefined;
    const proven = only !== undefined && handling.isWithin(route.topic, only.queue, now) ? only.cause : undefined;
    if (reply?.evidence === 'reply') return reply;
    const hasContext = header.value(TRACEPARENT) >= 0;
    if (!hasContext && !header.isCorrelated) return proven;
    this.#look(header, hasContext, interceptor, context, handling.isOutside(route.topic), now);
    // of several that are open with the correlation id of the request, it may come of any
    if (reply !== undefined && this.#byCorrelation.count < 2) return reply;
    return this.#named(use, isSeparate) ?? proven;
  }

  #named(use: CauseUse, isSeparate: boolean): Cause | undefined {
    if (this.#byContext.count === 1) return causeOf(this.#byContext, 'traceparent', use, isSeparate);
    if (this.#byCorrelation.count === 1) return causeOf(this.#byCorrelation, 'correlation_id', use, isSeparate);
    if (this.#byMessage.count === 1) return causeOf(this.#byMessage, 'message_id', use, isSeparate);
    return undefined;
  }

  #compare(now: number): void {
    this.#comparesSince = now;
    this.#settledBefore = this.handling.hasSettled;
  }

  /** A delivery with this correlation id was settled before anything was published with it: that may still be to come. */
  #isQuiet(correlationId: string, now: number): boolean {
    if (this.#settledBefore && now - this.#comparesSince < WORKED_ON_MS) return true;
    return this.#quiet.has(correlationId);
  }

  /** A delivery with these names was settled. */
  settled({ correlationId }: Pick<Remembered, 'correlationId'>): void {
    if (correlationId === '' || !this.comparesNames) return;
    if (!this.#published.delete(correlationId)) remember(this.#quiet, correlationId);
  }

  /** Looks among what is open for what the publish at hand names. `isOutside`: it may come of nothing that is. */
  #look(
    header: ContentHeader,
    hasContext: boolean,
    interceptor: Interceptor,
    context: TraceContext,
    isOutside: boolean,
    now: number,
  ): void {
    for (const each of [this.#byContext, this.#byCorrelation, this.#byMessage]) each.count = 0;
    if (hasContext) interceptor.readContext(header, context);
    const traced = hasContext && context.traced;
    if (traced) for (let i = 0; i < 8; i++) this.#own[i] = context.ids[context.at + i];
    const correlationId = header.property('correlationId');
    const messageId = header.property('messageId');
    const names = correlationId !== '' || messageId !== '';
    if (names && !this.comparesNames) this.#compare(now);
    // a delivery that is not open any more may be meant, which had the same correlation id
    const isShared = isOutside || this.#isQuiet(correlationId, now);
    let isComplete = names;
    let rows = MOST_ROWS;
    for (const open of this.#holder.held()) {
      rows = open.newest(SETTLEMENT, rows, (message) => {
        if (traced && this.#carries(open, message)) note(this.#byContext, open, message);
        const named = message.detail?.more ?? message.remembered;
        // it may have any names
        if (message.detail === undefined && message.time < this.#comparesSince) isComplete = false;
        if (!names || named === undefined) return;
        const { correlationId: theirs, messageId: id } = named;
        if (correlationId !== '' && (id === correlationId || (theirs === correlationId && !isShared)))
          note(this.#byCorrelation, open, message);
        if (messageId !== '' && id === messageId) note(this.#byMessage, open, message);
      });
      if (rows === 0) break;
    }
    if (rows === 0) this.#limited();
    if (correlationId !== '') remember(this.#published, correlationId);
    // what was not seen may be meant as well
    if (rows === 0) this.#byContext.count = 0;
    if (rows === 0 || !isComplete) this.#byCorrelation.count = this.#byMessage.count = 0;
  }

  /** The publish at hand has the context that the message came with. */
  #carries(open: Open, message: Stretch<DeliveryTally>): boolean {
    const at = open.idsAt(message, 0);
    if ((message.passageBits & TRACED) === 0) return false;
    for (let i = 0; i < 8; i++) if ((i < 4 || i > 5) && open.ids[at + i] !== this.#own[i]) return false;
    return true;
  }

  /** The delivery that is held while it is the only one; undefined: it is not found among what else is kept. */
  #onlyOne(use: CauseUse, isSeparate: boolean): OnlyOne | undefined {
    const { version } = this.handling;
    if (version === this.#onlyVersion && use === this.#onlyUse) return this.#only;
    const only = this.#byBeingAlone;
    only.count = 0;
    let queue = '';
    let rows = MOST_ROWS;
    for (const open of this.#holder.held()) {
      rows = open.newest(SETTLEMENT, rows, (message) => {
        note(only, open, message);
        queue = message.route.queue;
      });
      if (rows === 0 || only.count > 0) break;
    }
    this.#onlyVersion = version;
    this.#onlyUse = use;
    this.#only = only.count === 1 ? { queue, cause: causeOf(only, 'only_open_delivery', use, isSeparate) } : undefined;
    return this.#only;
  }
}

function remember(ids: Set<string>, id: string): void {
  if (!ids.has(id)) makeRoom(ids, MOST_IDS);
  ids.add(id);
}

function note(of: Found, open: Open, message: Stretch<DeliveryTally>): void {
  of.count++;
  of.bits = message.passageBits;
  const at = open.idsAt(message, 0);
  for (let i = 0; i < 8; i++) of.ids[i] = open.ids[at + i];
}

function causeOf({ ids, bits }: Found, evidence: Evidence, use: CauseUse, isSeparate: boolean): Cause | undefined {
  if ((bits & TRACED) === 0) return undefined;
  const own = ids.slice();
  const hasParent = (bits & HAS_PARENT) !== 0;
  const sampled = (bits & SAMPLED) !== 0;
  if (!hasParent) own[6] = own[7] = 0;
  else if (!sampled || isSeparate) for (let i = 0; i < 2; i++) own[4 + i] = own[6 + i];
  return { evidence, ids: own, sampled, adopts: use === 'parent' };
}
