/**
 * What becomes of publishes by the words of docs/loss.md, kept in plain lists and written without a look at
 * how the data plane does it: this is what the data plane is compared with.
 */

export type Mode = 'off' | 'returns' | 'confirms';
export type Unknown = 'unconfirmed_at_close' | 'connection_lost' | 'channel_error';
export type Lost = 'unroutable' | 'nacked' | 'no_exchange' | 'access_refused' | 'too_large' | 'invalid';

/** Exchange and routing key, and what the configuration (configuration.ts) says of their messages. */
export interface Route {
  exchange: string;
  key: string;
  loss: Mode;
  /** no queue has to take it */
  expected: boolean;
  /** our headers go into it */
  propagates: boolean;
  /** every trace that begins with it is sampled */
  traced: boolean;
  /** over direct reply-to: returned and delivered alike, so a return of it says nothing */
  answers: boolean;
  /** its queues dead-letter what they refuse */
  spared: boolean;
}

/** One publish, as the app sends it. */
export interface Content {
  route: Route;
  mandatory: boolean;
  size: number;
  /** the trace context that it brings along */
  context: 'none' | 'unsampled' | 'sampled';
  /** an x-tracehare-sent that the app copied along, by its last bit */
  copied: 'none' | 'odd' | 'even';
  table: 'none' | 'empty' | 'own';
  named: boolean;
  /** its expiration is no number */
  expires: boolean;
}

export interface Publish extends Content {
  channel: Channel;
  /** position in its channel, from 1 */
  n: number;
  at: number;
  /** we asked for its return, the app did not */
  shadow: boolean;
  sampled: boolean;
  state: 'open' | 'success' | 'lost' | 'unknown' | 'none';
  /** a success that nobody has vouched for yet: neither the broker nor what it sent behind it */
  unproven: boolean;
  /** basic.return came in time */
  returned: boolean;
  /** basic.return came, in time or not */
  back: boolean;
}

interface Request {
  reply: 'qos' | 'confirm.select' | 'tx.select' | 'tx.commit' | 'tx.rollback' | 'close';
  /** publishes that passed before it */
  behind: number;
}

/** How a publish ended, as it is told. */
export interface End {
  outcome: 'success' | 'failed' | 'unknown';
  reason: string;
  confirmed: boolean;
  code: number;
  text: string;
}

export type Told =
  | { what: 'ended'; publish: Publish; end: End; number: number }
  | { what: 'lost'; route: Route; channel: number; reason: string; key: string; of: Publish | undefined }
  | { what: 'blocked'; blocked: boolean }
  | { what: 'channel closed'; channel: number; by: string; code: number; text: string }
  | { what: 'connection closed'; by: string; code: number; text: string };

export interface Channel {
  id: number;
  passed: Publish[];
  open: Publish[];
  mode: 'plain' | 'confirm' | 'tx';
  /** the confirms were selected by us */
  ours: boolean;
  /** publishes before confirm.select or tx.select: the broker's first tag is of the one behind these */
  selectedAt: number;
  /** publishes before the app's own confirm.select */
  appFrom: number;
  requests: Request[];
  /** publishes that the broker has read for sure: so many from the first on */
  read: number;
  /** closed by someone: what the app still sends is discarded */
  over: Unknown | undefined;
  /** `closing`: the app's close has gone out; `closed`: the broker's has come, and the app owes its close-ok */
  life: 'open' | 'holding' | 'closing' | 'closed';
}

export const RETURNED = { code: 312, text: 'NO_ROUTE' };
const RETURN_WAIT_MS = 1000;
const NOTHING: End = { outcome: 'success', reason: '', confirmed: false, code: 0, text: '' };

export const topicOf = ({ exchange, key, answers }: Route): string =>
  answers ? 'amq.rabbitmq.reply-to' : exchange || key;

export class Ledger {
  now = 0;
  readonly limit: number;
  /** `what topic reason` and how often */
  readonly counts: Record<string, number> = {};
  /** since it was last looked at */
  told: Told[] = [];
  readonly channels = new Map<number, Channel>();
  /** waiting for the kernel, which takes nothing just now */
  flushing: Publish[] = [];
  /** whether the socket to the broker holds bytes */
  behind = false;
  /** the broker has said that it does not read; when it has said last that it does again */
  blocked = false;
  resumed = Number.NEGATIVE_INFINITY;
  /** how far the client may be shadowed */
  shadowing: Mode = 'confirms';
  /** the first connection.close */
  closing: { by: 'app' | 'broker'; code: number; text: string } | undefined;
  ended = false;

  constructor(limit: number) {
    this.limit = limit;
  }

  opened(id: number): Channel {
    const channel: Channel = {
      id,
      passed: [],
      open: [],
      mode: 'plain',
      ours: false,
      selectedAt: Number.POSITIVE_INFINITY,
      appFrom: Number.POSITIVE_INFINITY,
      requests: [],
      read: 0,
      over: undefined,
      life: 'open',
    };
    this.channels.set(id, channel);
    return channel;
  }

  /** confirm.select goes ahead of the channel's next publish, if it is of this route. */
  selectsAheadOf(channel: Channel, route: Route): boolean {
    return (
      channel.over === undefined &&
      channel.mode === 'plain' &&
      this.shadowing === 'confirms' &&
      route.loss === 'confirms'
    );
  }

  published(channel: Channel, content: Content): Publish {
    const { route } = content;
    if (this.selectsAheadOf(channel, route)) {
      this.select(channel, 'confirm');
      channel.appFrom = Number.POSITIVE_INFINITY;
      channel.ours = true;
    }
    const publish: Publish = {
      ...content,
      channel,
      n: channel.passed.length + 1,
      at: this.now,
      shadow: !content.mandatory && route.loss !== 'off' && !route.answers && !this.#asksUnmarked(channel, route),
      sampled: content.context === 'sampled' || (content.context === 'none' && route.traced),
      state: 'open',
      unproven: false,
      returned: false,
      back: false,
    };
    channel.passed.push(publish);
    const isMandatory = publish.mandatory || publish.shadow;
    if (channel.mode !== 'tx') this.#passed(publish);
    if (channel.over !== undefined) {
      if (channel.mode === 'tx') publish.state = 'none';
      else this.#unknown(publish, channel.over, 0, '');
      return publish;
    }
    if (channel.mode === 'plain' && !isMandatory && !this.blocked) this.#sends(publish);
    else if (channel.open.length < this.limit) channel.open.push(publish);
    else {
      this.#count('unobserved window_full');
      publish.unproven = true;
      if (channel.mode === 'plain') this.#sends(publish);
      else publish.state = 'none';
    }
    return publish;
  }

  /** The app asked for returns of such messages itself, and none of them carries anything of ours that says so. */
  #asksUnmarked({ passed }: Channel, route: Route): boolean {
    return !route.propagates && passed.some((each) => each.route === route && each.mandatory);
  }

  /** Nothing but the kernel says what becomes of it. */
  #sends(publish: Publish): void {
    publish.unproven = true;
    this.flushing.push(publish);
  }

  /** The kernel took all there was. */
  flushed(): void {
    for (const publish of this.flushing.splice(0)) this.#succeeded(publish, false);
  }

  select(channel: Channel, mode: 'confirm' | 'tx'): void {
    // whatever becomes of it: a client that uses tx gets no confirms of ours any more
    if (mode === 'tx') this.shadowing = 'returns';
    if (channel.over !== undefined) return;
    if (mode === 'confirm' && channel.appFrom === Number.POSITIVE_INFINITY) channel.appFrom = channel.passed.length;
    if (channel.mode !== 'plain') return;
    channel.mode = mode;
    channel.selectedAt = channel.passed.length;
  }

  asked(channel: Channel, reply: Request['reply']): void {
    // a channel that is over answers nothing but its close
    if (channel.over === undefined || reply === 'close')
      channel.requests.push({ reply, behind: channel.passed.length });
  }

  /** The broker answers the oldest request. */
  answered(channel: Channel): void {
    const request = channel.requests.shift();
    if (request === undefined) throw new Error('nothing to answer');
    const { reply, behind } = request;
    this.#read(channel, behind);
    if (reply === 'tx.commit') this.#committed(channel, behind);
    if (reply === 'tx.rollback') for (const each of this.#take(channel, behind)) each.state = 'none';
    if (reply === 'close') {
      this.#ends(channel, 'unconfirmed_at_close', 0, '');
      this.told.push({ what: 'channel closed', channel: channel.id, by: 'app', code: 0, text: '' });
      this.channels.delete(channel.id);
    }
  }

  #committed(channel: Channel, behind: number): void {
    for (const publish of this.#take(channel, behind)) {
      this.#passed(publish);
      if (publish.returned) this.#lost(publish, 'unroutable');
      else this.#succeeded(publish, false);
    }
  }

  /** The broker has read all up to `last`, and answered what it had to. */
  #read(channel: Channel, last: number): void {
    this.#routed(channel, last);
    channel.read = Math.max(channel.read, last);
    // it is remembered of all together
    if (channel.passed.some(({ n, unproven }) => unproven && n > last)) return;
    for (const each of channel.passed) each.unproven = false;
  }

  /** Every return of those up to `last` has come: what is still open without a confirm or a commit to come was routed. */
  #routed(channel: Channel, last: number): void {
    for (const publish of this.#take(channel, Math.min(last, channel.selectedAt))) this.#succeeded(publish, false);
  }

  #take(channel: Channel, last: number): Publish[] {
    const taken = channel.open.filter(({ n }) => n <= last);
    channel.open = channel.open.filter(({ n }) => n > last);
    return taken;
  }

  confirmed(channel: Channel, tag: number, multiple: boolean, ack: boolean): void {
    const last = tag === 0 ? channel.passed.length : channel.selectedAt + tag;
    // the broker has read what was published before it, and returned what it had to
    if (multiple) this.#routed(channel, last);
    for (const publish of channel.open.filter(({ n }) => (multiple ? n <= last : n === last))) {
      channel.open.splice(channel.open.indexOf(publish), 1);
      this.#count(`confirmed ${topicOf(publish.route)}`);
      if (!ack && publish.route.spared) this.#spared(publish);
      else if (!ack) this.#lost(publish, 'nacked', { confirmed: true });
      else if (publish.returned) this.#lost(publish, 'unroutable', { confirmed: true });
      else this.#succeeded(publish, true);
    }
  }

  /** The tag under which the app knows the broker's, -1: it knows nothing of it. */
  appTag(channel: Channel, tag: number): number {
    if (!channel.ours) return tag;
    if (channel.appFrom === Number.POSITIVE_INFINITY) return -1;
    if (tag === 0) return 0;
    const own = channel.selectedAt + tag - channel.appFrom;
    return own > 0 ? own : -1;
  }

  /** basic.return. True if the app gets it. */
  returned(publish: Publish): boolean {
    const { channel, route } = publish;
    publish.back = true;
    if (!channel.open.includes(publish)) {
      this.#lostLate(publish);
      return !publish.shadow;
    }
    if (route.answers) return true;
    publish.returned = true;
    if (publish.n <= channel.selectedAt) {
      channel.open.splice(channel.open.indexOf(publish), 1);
      this.#lost(publish, 'unroutable');
    }
    return !publish.shadow;
  }

  #lostLate(publish: Publish): void {
    const { route, channel } = publish;
    if (route.answers) return;
    if (route.expected) this.#count(`expected ${topicOf(route)}`);
    else this.#countLost(route, 'unroutable');
    if (!route.expected)
      this.told.push({
        what: 'lost',
        route,
        channel: channel.id,
        reason: 'unroutable',
        key: route.key,
        of: publish,
      });
  }

  /** A second without a return, while nothing waits in our hands. */
  sweep(): void {
    if (this.behind || this.blocked || this.now - this.resumed < RETURN_WAIT_MS) return;
    for (const channel of this.channels.values()) {
      const old = channel.open.filter(({ n, at }) => n <= channel.selectedAt && this.now - at >= RETURN_WAIT_MS);
      for (const publish of this.#take(channel, old.at(-1)?.n ?? 0)) {
        publish.unproven = true;
        this.#succeeded(publish, false);
      }
    }
  }

  /** connection.blocked or connection.unblocked. */
  blocks(blocked: boolean): void {
    this.blocked = blocked;
    if (!blocked) this.resumed = this.now;
    this.told.push({ what: 'blocked', blocked });
  }

  /** The broker closes the channel because of a publish to `exchange`, of `size`, or that `expires`. */
  refused(channel: Channel, reason: Lost, { exchange, size, expires }: Suspects, end: Closing): void {
    if (channel.mode !== 'tx') {
      const fits = (each: Publish): boolean =>
        (exchange === undefined || each.route.exchange === exchange) &&
        (size === undefined || each.size === size) &&
        (expires === undefined || each.expires);
      const candidates = channel.open.filter((each) => fits(each) && !each.returned);
      const [first] = candidates;
      const mayBePast = channel.passed.some((each) => each.unproven && fits(each));
      // of a size the first one is refused, whatever comes behind it
      const isCertain = !mayBePast && (size !== undefined || candidates.length === 1);
      const keys = new Set(candidates.map(({ route }) => route.key));
      if (first !== undefined) {
        channel.open.splice(channel.open.indexOf(first), 1);
        if (isCertain) this.#lost(first, reason, end);
        else this.#lostAmong(first, reason, keys.size === 1 ? first.route.key : '', end);
        // what was sent in front of it had been read
        if (!mayBePast) this.#read(channel, first.n - 1);
      } else {
        const last = channel.passed.filter((each) => size !== undefined || fits(each)).at(-1);
        if (last !== undefined) this.#lostUnnamed(last.route, channel, reason, '');
      }
    }
    this.brokerCloses(channel, end);
  }

  #lostAmong(publish: Publish, reason: Lost, key: string, { code, text }: Closing): void {
    publish.state = 'lost';
    this.#count(`failed ${topicOf(publish.route)}`);
    this.#lostUnnamed(publish.route, publish.channel, reason, key);
    const end: End = { outcome: 'unknown', reason: 'channel_error', confirmed: false, code, text };
    if (publish.sampled) this.#tell(publish, end);
  }

  #lostUnnamed(route: Route, channel: Channel, reason: Lost, key: string): void {
    this.#countLost(route, reason);
    this.told.push({ what: 'lost', route, channel: channel.id, reason, key, of: undefined });
  }

  /** The broker closes the channel because of the oldest request: it has read what was sent in front of that. */
  requestRefused(channel: Channel, end: Closing): void {
    const [{ behind }] = channel.requests;
    this.#read(channel, behind);
    this.brokerCloses(channel, end);
  }

  brokerCloses(channel: Channel, { code, text }: Closing): void {
    this.#ends(channel, 'channel_error', code, text);
    channel.life = 'closed';
    this.told.push({ what: 'channel closed', channel: channel.id, by: 'broker', code, text });
  }

  /** connection.close of the broker: it drops what it has not read. */
  brokerGoes(closing: Closing): void {
    this.closing ??= { by: 'broker', ...closing };
    for (const channel of this.channels.values()) this.#endsWithConnection(channel, 'connection_lost');
  }

  /** connection.close-ok of the broker: it has returned what it had to. */
  brokerAgrees(): void {
    for (const channel of this.channels.values()) {
      this.#read(channel, channel.passed.length);
      this.#endsWithConnection(channel, 'unconfirmed_at_close');
    }
  }

  /** Both sockets are gone. */
  cut(): void {
    this.ended = true;
    for (const channel of this.channels.values()) this.#endsWithConnection(channel, 'connection_lost');
    const { by = 'network', code = 0, text = '' } = this.closing ?? {};
    this.told.push({ what: 'connection closed', by, code, text });
  }

  #endsWithConnection(channel: Channel, reason: Unknown): void {
    const { code = 0, text = '' } = this.closing ?? {};
    this.#ends(channel, reason, code, text);
  }

  #ends(channel: Channel, reason: Unknown, code: number, text: string): void {
    const isOf = (publish: Publish): boolean => publish.channel === channel;
    const unflushed = this.flushing.filter(isOf);
    this.flushing = this.flushing.filter((publish) => !isOf(publish));
    for (const publish of unflushed) this.#unknown(publish, reason, code, text);
    const committing = channel.requests.findLast(({ reply }) => reply === 'tx.commit')?.behind ?? 0;
    for (const publish of channel.open.splice(0)) {
      const inTx = channel.mode === 'tx' && publish.n > channel.selectedAt;
      if (inTx && publish.n > committing) {
        publish.state = 'none';
        continue;
      }
      if (inTx) this.#passed(publish);
      // only the confirm is missing: it was definitely not routed
      if (!inTx && publish.returned) this.#lost(publish, 'unroutable');
      else this.#unknown(publish, reason, code, text);
    }
    channel.requests = [];
    channel.over = reason === 'channel_error' ? reason : (channel.over ?? reason);
  }

  /** Publishes of this channel, or of any (0), that only we await a confirm for. */
  awaitsShadow(id: number): boolean {
    return [...this.channels.values()].some(
      (channel) =>
        (id === 0 || channel.id === id) &&
        channel.ours &&
        channel.open.some(({ n }) => n > channel.selectedAt && n <= channel.appFrom),
    );
  }

  conflict(): void {
    this.#count('conflicts');
  }

  #passed({ route, size }: Publish): void {
    this.#count(`bytes ${topicOf(route)}`, size);
    this.#count(`hop ${topicOf(route)}`);
  }

  #succeeded(publish: Publish, confirmed: boolean): void {
    publish.state = 'success';
    this.#count(`success ${topicOf(publish.route)}`);
    if (publish.sampled) this.#tell(publish, { ...NOTHING, confirmed });
  }

  #lost(publish: Publish, reason: Lost, given: Partial<End> = {}): void {
    const { route, returned } = publish;
    const { confirmed = false } = given;
    const { code, text } = returned ? RETURNED : { code: 0, text: '', ...given };
    publish.state = 'lost';
    if (reason === 'unroutable' && route.expected) {
      this.#count(`expected ${topicOf(route)}`);
      this.#tell(publish, { ...NOTHING, confirmed, code, text });
      return;
    }
    this.#count(`failed ${topicOf(route)}`);
    this.#countLost(route, reason);
    this.#tell(publish, { outcome: 'failed', reason, confirmed, code, text });
  }

  /** Nacked, and maybe dead-lettered. */
  #spared(publish: Publish): void {
    publish.state = 'lost';
    this.#count(`failed ${topicOf(publish.route)}`);
    const { code, text } = publish.returned ? RETURNED : { code: 0, text: '' };
    this.#tell(publish, { outcome: 'failed', reason: 'nacked', confirmed: true, code, text });
  }

  #unknown(publish: Publish, reason: Unknown, code: number, text: string): void {
    const { route, returned, sampled } = publish;
    publish.state = 'unknown';
    this.#count(`unknown ${topicOf(route)} ${reason}`);
    const said = returned ? RETURNED : { code, text };
    if (sampled) this.#tell(publish, { outcome: 'unknown', reason, confirmed: false, ...said });
  }

  #countLost(route: Route, reason: Lost): void {
    this.#count(`lost ${topicOf(route)} ${reason}`);
    this.#count(`hop lost ${topicOf(route)}`);
  }

  #tell(publish: Publish, end: End): void {
    const { appFrom } = publish.channel;
    this.told.push({ what: 'ended', publish, end, number: publish.n > appFrom ? publish.n - appFrom : publish.n });
  }

  #count(what: string, by = 1): void {
    if (by > 0) this.counts[what] = (this.counts[what] ?? 0) + by;
  }
}

/** What a refusal says of the publish that it is about. */
export interface Suspects {
  exchange?: string;
  size?: number;
  expires?: true;
}

export interface Closing {
  code: number;
  text: string;
}
