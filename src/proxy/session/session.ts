import { type FieldValue, text } from '../../amqp/fields.ts';
import { readMethod } from '../../amqp/methods.ts';
import { keyOf, methodKey } from '../../amqp/spec.ts';
import type { ClosedBy } from '../../events/lifecycle.ts';
import { AutoAckInFlight } from '../delivering/auto-ack-in-flight.ts';
import { DeliveryReading } from '../delivering/delivery-reading.ts';
import type { ChannelWord } from '../open-messages/channel-state.ts';
import { Unflushed } from '../open-messages/unflushed.ts';
import { Correlation } from '../plane/correlation.ts';
import { Habits } from '../plane/habits.ts';
import type { Plane } from '../plane/plane.ts';
import type { UnknownReason } from '../ports/observer.ts';
import { refusesPublish } from '../publishing/broker-refusal.ts';
import { BrokerSilence } from '../publishing/broker-silence.ts';
import { HeaderInjection } from '../publishing/header-injection.ts';
import type { Reply } from '../publishing/publish-outcomes.ts';
import { appName } from '../routing/app-name.ts';
import type { Client, LossMode } from '../routing/treatment.ts';
import { leaksMandatory, punishesMandatory } from './broker-flaws.ts';
import { defaultDeliveryLimit, nackCountsDelivery } from './broker-limits.ts';
import { Channel } from './channel.ts';
import { ChannelNumbers, MAX_CHANNEL } from './channel-numbers.ts';
import { type ConsumerBudget, MAX_CONSUMERS } from './consumers.ts';
import { Declarations } from './declarations.ts';
import { MAX_REQUESTS, type RequestBudget } from './requests.ts';

const START = keyOf('connection.start');
const START_OK = keyOf('connection.start-ok');
const TUNE = keyOf('connection.tune');
const TUNE_OK = keyOf('connection.tune-ok');
const OPEN = keyOf('connection.open');
const TX_SELECT = keyOf('tx.select');
const OPEN_OK = keyOf('connection.open-ok');
const BLOCKED = keyOf('connection.blocked');
const UNBLOCKED = keyOf('connection.unblocked');

export interface Closing {
  by: ClosedBy;
  code: number;
  text: string;
}

/** Most characters kept of a name that a client gives itself: anybody can send one, before the broker has let it in. */
const MAX_NAME = 255;

const string = (value: FieldValue | undefined): string => (typeof value === 'string' ? cut(value) : '');

/** A copy: a part of a string would keep the whole of it. */
const cut = (name: string): string =>
  name.length <= MAX_NAME ? name : Buffer.from(name.slice(0, MAX_NAME), 'utf8').toString('utf8');

/** Whether a client that declares these capabilities is told when the broker blocks it. */
const canBeTold = (capabilities: FieldValue | undefined): boolean =>
  typeof capabilities === 'object' && capabilities !== null && 'connection.blocked' in capabilities
    ? capabilities['connection.blocked'] === true
    : false;

const NOBODY: Client = { product: '', connectionName: '', user: '' };

/**
 * What is known of one AMQP connection: who the app is, what was negotiated, its channels.
 *
 * Until the broker says connection.open-ok, nobody has vouched for the app. All of its bytes pass, for it is the
 * broker who refuses them, but of what it says no more is kept than its names, what it negotiates and the numbers of
 * the channels that it asks for. Each is taken from the first frame that says it: to a second one the broker
 * answers by ending the connection.
 *
 * One file because login, channels and ends are one story: what comes after open-ok depends on what came before.
 */
export class Session {
  readonly plane: Plane;
  readonly id: number;
  frameMax = 0;
  /** connection.open-ok passed: the broker has let the app in */
  isOpen = false;
  /** the first connection.close, whoever sent it */
  closing: Closing | undefined;
  /** what is read now had to wait: the app sent it before it closed the connection */
  readsWaiting = false;
  readonly inFlight = new AutoAckInFlight();
  /** who waits for the broker's and the app's socket to be flushed */
  readonly upstreamUnflushed = new Unflushed();
  readonly downstreamUnflushed = new Unflushed();
  readonly silence: BrokerSilence;
  readonly correlation: Correlation;
  readonly injection: HeaderInjection;
  readonly reading: DeliveryReading;
  /** from the broker's open-ok on */
  #declarations: Declarations | undefined;
  #habits: Habits | undefined;
  /** called when a channel has answers of ours for the app */
  onAnswer: () => void = () => {};
  /** called when the broker has let the app in */
  onOpen: () => void = () => {};
  /** how far this client may be shadowed */
  shadowing: LossMode = 'off';
  #client = NOBODY;
  readonly #pipeline: string | undefined;
  #library = { version: '', platform: '' };
  #vhost = '';
  #app = '';
  /** what the broker says it is, `product version` */
  #broker = '';
  #leaksMandatory = false;
  #punishesMandatory = false;
  #blockedSince = Number.NaN;
  /** the broker's, of the latest connection.blocked */
  #blockedFor = '';
  /** highest number of a channel as each side has it; undefined before it said so */
  #brokerChannelMax: number | undefined;
  #appChannelMax: number | undefined;
  #channelMax = MAX_CHANNEL;
  /** numbers of open channels; before open-ok, of those that are open if the broker lets the app in */
  readonly #open = new ChannelNumbers();
  /** those of them that the app has used */
  readonly #channels = new Map<number, Channel>();
  #last: Channel | undefined;
  /** of all channels together */
  readonly #requests: RequestBudget = { left: MAX_REQUESTS };
  readonly #consumers: ConsumerBudget = { left: MAX_CONSUMERS };

  constructor(plane: Plane, id: number) {
    this.plane = plane;
    this.silence = new BrokerSilence(plane.facts.alarm);
    this.id = id;
    this.correlation = new Correlation(plane, id, () => this.#channels.values());
    this.injection = new HeaderInjection(plane, this.correlation);
    this.reading = new DeliveryReading(plane, this.correlation);
    this.#pipeline = plane.options.pipeline;
  }

  /** The plane has another configuration. */
  reconfigured(): void {
    if (this.isOpen) this.shadowing = this.#mayShadow();
    this.rerouted();
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    for (const channel of this.#channels.values()) channel.rerouted();
  }

  /** How far this connection may be shadowed: by its client and its broker. */
  #mayShadow(): LossMode {
    const mode = this.plane.shadowing(this.#client);
    return mode === 'confirms' && this.#punishesMandatory ? 'returns' : mode;
  }

  /** Whether we may make publishes mandatory, on a channel in this state. */
  shadowsMandatory(state: ChannelWord): boolean {
    return this.shadowing !== 'off' && !(state === 'plain' ? this.#leaksMandatory : this.#punishesMandatory);
  }

  get pipeline(): string {
    return this.#pipeline ?? this.#vhost;
  }

  get vhost(): string {
    return this.#vhost;
  }

  /** The app's name (proxy/routing/app-name.ts); '' before the broker has let it in. */
  get app(): string {
    return this.#app;
  }

  get client(): Client {
    return this.#client;
  }

  /** The client library as it calls itself. */
  get library(): string {
    return [this.#client.product, this.#library.version, this.#library.platform]
      .filter((part) => part !== '')
      .join(' ');
  }

  /** Why the broker reads nothing; undefined while it does. */
  get blockedFor(): string | undefined {
    return Number.isNaN(this.#blockedSince) ? undefined : this.#blockedFor;
  }

  /** Open channels, used or not. */
  get openChannels(): number {
    return this.isOpen ? this.#open.size : 0;
  }

  /** Publishes on this channel, or on any (0), that only we await confirms for. */
  awaitsShadow(id: number): boolean {
    if (id !== 0) return this.channel(id)?.publishes.awaitsShadow ?? false;
    for (const { publishes } of this.#channels.values()) if (publishes.awaitsShadow) return true;
    return false;
  }

  /** The app has sent something on the number of a channel that a fault has closed, and it was not passed on yet. */
  get reuses(): boolean {
    for (const { severed } of this.#channels.values()) if (severed !== undefined && severed.waiting > 0) return true;
    return false;
  }

  /** Channels in use, in their order, e.g. to let go what each holds. */
  channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  /** A channel that is in use. */
  channel(id: number): Channel | undefined {
    const last = this.#last;
    if (last !== undefined && last.id === id) return last;
    const channel = this.#channels.get(id);
    if (channel !== undefined) this.#last = channel;
    return channel;
  }

  /** The channel, which the app uses now: the first time it is made. Undefined: what happens on it is not followed. */
  use(id: number): Channel | undefined {
    const known = this.channel(id);
    if (known !== undefined || !this.#open.has(id)) return known;
    if (!this.isOpen) {
      // nothing is counted or kept of it, so what it does later can't be told either
      this.#open.delete(id);
      return undefined;
    }
    const {
      plane,
      id: connection,
      vhost,
      pipeline,
      app,
      client,
      inFlight,
      upstreamUnflushed,
      downstreamUnflushed,
    } = this;
    const answering = (): void => this.onAnswer();
    const names = { vhost, pipeline, app, client };
    const unflushed = { upstreamUnflushed, downstreamUnflushed, silence: this.silence };
    const budgets = { requests: this.#requests, consumers: this.#consumers };
    const headers = { injection: this.injection, reading: this.reading, correlation: this.correlation };
    const nackCounts = nackCountsDelivery(this.#broker);
    this.#declarations ??= new Declarations(plane, vhost);
    const declarations = this.#declarations;
    this.#habits ??= new Habits(plane, vhost, app);
    const habits = this.#habits;
    const context = {
      ...names,
      ...unflushed,
      ...headers,
      ...budgets,
      plane,
      connection,
      declarations,
      habits,
      inFlight,
      nackCounts,
      answering,
    };
    const channel = new Channel(id, context);
    this.#channels.set(id, channel);
    // it may be used for the first time when the broker reads nothing any more
    if (this.closing !== undefined && !this.readsWaiting)
      channel.state.on(this.closing.by === 'app' ? 'closed by app' : 'connection lost');
    return channel;
  }

  /** The app opens a channel: until it uses it, its number is all there is of it. */
  openChannel(id: number): void {
    if (id > this.#channelMax || !this.#open.add(id) || !this.isOpen) return;
    // another connection of the same client may have selected tx
    this.shadowing = this.#mayShadow();
    this.plane.observer.traffic.channels(1);
  }

  /** The app selects tx: no channel of such a client has confirms selected by us any more, lest the broker refuse that. */
  selectsTransactions(): void {
    if (!this.isOpen) return;
    this.plane.facts.noteTransactional(this.#client);
    this.shadowing = this.#mayShadow();
  }

  /** A channel.close of the broker passed: the channel has ended. */
  closeChannel(id: number, buf: Uint8Array, start: number, end: number, now: number): void {
    if (!this.isOpen || !this.#open.has(id)) return;
    // what the app still sends on it is counted, even if it has sent nothing yet
    const channel = this.use(id);
    // it closes once: what became of its messages is known, and told
    if (channel === undefined || channel.isClosedByBroker) return;
    const { replyCode, replyText, failedClassId, failedMethodId } = readMethod('channel.close', buf, start, end);
    const reply = { code: replyCode, text: replyText };
    const failed = methodKey(failedClassId, failedMethodId);
    if (replyCode === 404) this.#declarations?.notFound(replyText, now);
    if (refusesPublish(replyCode, failed)) channel.publishes.refused(reply, now);
    if (replyCode === 406) this.#habits?.refused(replyText);
    if (failed === TX_SELECT && channel.publishes.numbers.isShadowed) this.plane.observer.traffic.shadowConflict();
    channel.refused(failed, now);
    channel.end('channel_error', 'channel_closed', now, reply);
    channel.state.on('closed by broker');
    channel.isClosedByBroker = true;
    this.#tellClosed(id, { by: 'broker', ...reply }, now);
  }

  /** A channel.close-ok passed: the broker's ends the channel, the app's only frees its number. */
  channelClosed(by: 'app' | 'broker', id: number, now: number): void {
    if (!this.isOpen || !this.#open.has(id)) return;
    const channel = this.channel(id);
    if (by === 'broker') {
      channel?.closed(now);
      if (channel !== undefined) this.#habits?.channelClosed(channel.messages);
      channel?.end('unconfirmed_at_close', 'channel_closed', now);
      this.#tellClosed(id, { by: 'app', code: 0, text: '' }, now);
    } else if (!channel?.isClosedByBroker) {
      // nobody asked: the broker will close the connection for it
      channel?.illegal();
      return;
    }
    this.forgetChannel(id);
  }

  /** Its number can be used again. */
  forgetChannel(id: number): void {
    const channel = this.#channels.get(id);
    channel?.outgoing?.discard();
    channel?.incoming?.discard();
    clearTimeout(channel?.heldSettlements?.timer);
    this.#channels.delete(id);
    this.#last = undefined;
    if (this.#open.delete(id)) this.plane.observer.traffic.channels(-1);
  }

  /** channel.close-ok of the broker to our own close. */
  severedByBroker(channel: Channel, now: number): void {
    const { code = 0, text = '' } = channel.severed ?? {};
    channel.end('channel_error', 'channel_closed', now, { code, text });
    this.#tellClosed(channel.id, { by: 'tracehare', code, text }, now);
  }

  #tellClosed(channel: number, { by, code, text }: Closing, now: number): void {
    const { plane, id: connection } = this;
    plane.observer.emit({
      type: 'channel.closed',
      at: plane.clock.micros(now),
      connection,
      channel,
      by,
      code,
      text,
    });
  }

  /** A connection method of the app, on channel 0. Throws MalformedError. */
  fromApp(key: number, buf: Uint8Array, start: number, end: number): void {
    if (this.isOpen) return;
    if (key === START_OK && this.#client === NOBODY) {
      const { clientProperties, mechanism, response } = readMethod('connection.start-ok', buf, start, end);
      const { product, connection_name, version, platform, capabilities } = clientProperties;
      this.silence.canBeTold = canBeTold(capabilities);
      this.#library = { version: string(version), platform: string(platform) };
      this.#client = {
        product: string(product),
        connectionName: string(connection_name),
        user: mechanism === 'PLAIN' ? cut(plainUser(response)) : '',
      };
    } else if (key === TUNE_OK && this.#appChannelMax === undefined) {
      const { channelMax, frameMax } = readMethod('connection.tune-ok', buf, start, end);
      this.#appChannelMax = channelMax;
      this.frameMax = frameMax;
    } else if (key === OPEN && this.#vhost === '') {
      this.#vhost = readMethod('connection.open', buf, start, end).virtualHost;
    }
  }

  /** A connection method of the broker, on channel 0. Throws MalformedError. */
  fromBroker(key: number, buf: Uint8Array, start: number, end: number, now: number): void {
    const { plane, id: connection } = this;
    const at = plane.clock.micros(now);
    if (key === START) {
      const { product, version } = readMethod('connection.start', buf, start, end).serverProperties;
      this.#broker = `${string(product)} ${string(version)}`.trim();
      this.#leaksMandatory = leaksMandatory(this.#broker);
      this.#punishesMandatory = punishesMandatory(this.#broker);
      this.reading.defaultDeliveryLimit = defaultDeliveryLimit(this.#broker);
    } else if (key === TUNE) {
      this.#brokerChannelMax ??= readMethod('connection.tune', buf, start, end).channelMax;
    } else if (key === OPEN_OK) {
      if (this.isOpen) return;
      this.isOpen = true;
      this.#app = appName(this.#client);
      this.correlation.identified(this.#vhost, this.#app);
      this.shadowing = this.#mayShadow();
      // 0 is for no limit
      this.#channelMax = Math.min(this.#appChannelMax || MAX_CHANNEL, this.#brokerChannelMax || MAX_CHANNEL);
      this.#open.limit(this.#channelMax);
      plane.observer.traffic.channels(this.#open.size);
      this.onOpen();
      plane.observer.emit({
        type: 'connection.identified',
        at,
        connection,
        vhost: this.#vhost,
        user: this.#client.user,
        app: this.#app,
        name: this.#client.connectionName,
        product: this.#client.product,
        ...this.#library,
        broker: this.#broker,
      });
    } else if (key === BLOCKED) {
      if (Number.isNaN(this.#blockedSince)) this.#blockedSince = now;
      const { reason } = readMethod('connection.blocked', buf, start, end);
      this.#blockedFor = reason;
      this.silence.told(true, now);
      plane.observer.emit({ type: 'connection.blocked', at, connection, blocked: true, reason });
    } else if (key === UNBLOCKED) {
      this.silence.told(false, now);
      this.#tellBlocked(now);
      this.#blockedSince = Number.NaN;
      plane.observer.emit({ type: 'connection.blocked', at, connection, blocked: false, reason: '' });
    }
  }

  /** connection.close, from either side; only the first counts as the cause. Throws MalformedError. */
  close(by: 'app' | 'broker', buf: Uint8Array, start: number, end: number, now: number): void {
    const { replyCode: code, replyText, ...failed } = readMethod('connection.close', buf, start, end);
    const refuses = refusesPublish(code, methodKey(failed.failedClassId, failed.failedMethodId));
    if (by === 'broker' && refuses) this.#refused({ code, text: replyText }, now);
    this.closing ??= { by, code, text: replyText };
    // the broker drops what it has not read, and answers nothing any more
    if (by === 'broker') this.end('connection_lost', now);
  }

  /** The broker ends the connection because of a publish, and does not say on which channel: if it can be one only. */
  #refused(reply: Reply, now: number): void {
    const [channel, other] = [...this.#channels.values()].filter(({ publishes }) => publishes.mayBeRefused(reply));
    if (channel !== undefined && other === undefined) channel.publishes.refused(reply, now);
  }

  /** connection.close-ok of the broker: all returns of all channels have come before it. */
  closed(now: number): void {
    for (const { publishes } of this.#channels.values()) publishes.barrier(publishes.numbers.sequence, now);
    this.end('unconfirmed_at_close', now);
  }

  /** The connection is gone; every open message gets its outcome. May be called again. */
  end(unknown: UnknownReason, now: number): void {
    this.#tellBlocked(now);
    this.#blockedSince = Number.NaN;
    const { code, text } = this.closing ?? { code: 0, text: '' };
    for (const channel of this.#channels.values()) {
      channel.end(unknown, 'connection_closed', now, { code, text });
      channel.state.on('connection lost');
    }
    this.#declarations?.end(now);
  }

  /** No frame will come any more. */
  forget(): void {
    for (const { outgoing, incoming } of this.#channels.values()) {
      outgoing?.discard();
      incoming?.discard();
    }
    if (this.isOpen) this.plane.observer.traffic.channels(-this.#open.size);
    let messages = 0;
    for (const channel of this.#channels.values()) messages += channel.messages;
    this.#habits?.connectionEnded(messages);
    this.#habits = undefined;
    this.#open.clear();
    this.#channels.clear();
    this.#last = undefined;
  }

  /** Called every quarter of a second, for what ends because time passes. */
  sweep(now: number): void {
    for (const { publishes } of this.#channels.values()) {
      publishes.translator.reveal(now);
      if (publishes.open > 0) publishes.sweep(now);
    }
    if (Number.isNaN(this.#blockedSince)) return;
    this.#tellBlocked(now);
    this.#blockedSince = now;
  }

  #tellBlocked(now: number): void {
    if (!Number.isNaN(this.#blockedSince)) this.plane.observer.traffic.blocked((now - this.#blockedSince) / 1000);
  }
}

/** SASL PLAIN: authorization id, NUL, user, NUL, password (RFC 4616). The password is not looked at. */
function plainUser(response: Uint8Array): string {
  const from = response.indexOf(0) + 1;
  const to = response.indexOf(0, from);
  return from > 0 && to > from ? text(response, from, to) : '';
}
