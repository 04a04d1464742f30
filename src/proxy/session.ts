import { type FieldValue, text } from '../amqp/fields.ts';
import { readMethod } from '../amqp/methods.ts';
import { keyOf, methodKey } from '../amqp/spec.ts';
import type { ClosedBy } from '../events/lifecycle.ts';
import { appName } from './app-name.ts';
import { leaksMandatory } from './broker-flaws.ts';
import { Channel } from './channel.ts';
import { InFlight } from './in-flight.ts';
import type { UnknownReason } from './observer.ts';
import type { Plane } from './plane.ts';
import type { PublishMode } from './publish-numbers.ts';
import type { Client, LossMode } from './treatment.ts';

const START = keyOf('connection.start');
const START_OK = keyOf('connection.start-ok');
const TUNE_OK = keyOf('connection.tune-ok');
const OPEN = keyOf('connection.open');
const PUBLISH = keyOf('basic.publish');
const TX_SELECT = keyOf('tx.select');
const OPEN_OK = keyOf('connection.open-ok');
const BLOCKED = keyOf('connection.blocked');
const UNBLOCKED = keyOf('connection.unblocked');

export interface Closing {
  by: ClosedBy;
  code: number;
  text: string;
}

const string = (value: FieldValue | undefined): string => (typeof value === 'string' ? value : '');

/** What is known of one AMQP connection: who the app is, what was negotiated, its channels. */
export class Session {
  readonly plane: Plane;
  readonly id: number;
  frameMax = 0;
  /** connection.open-ok passed */
  isOpen = false;
  /** the first connection.close, whoever sent it */
  closing: Closing | undefined;
  readonly inFlight = new InFlight();
  /** called when a channel has answers of ours for the app */
  onAnswer: () => void = () => {};
  /** how far this client may be shadowed */
  shadowing: LossMode = 'off';
  #client: Client = { product: '', connectionName: '', user: '' };
  readonly #pipeline: string | undefined;
  #properties: Record<string, FieldValue> = {};
  #vhost = '';
  #app = '';
  /** what the broker says it is, `product version` */
  #broker = '';
  #leaksMandatory = false;
  #blockedSince = Number.NaN;
  readonly #channels = new Map<number, Channel>();
  #last: Channel | undefined;

  constructor(plane: Plane, id: number) {
    this.plane = plane;
    this.id = id;
    this.#pipeline = plane.options.pipeline;
  }

  /** The plane has another configuration. */
  reconfigured(): void {
    if (this.isOpen) this.shadowing = this.plane.shadowing(this.#client);
    this.rerouted();
  }

  /** The plane's tables of routes are others now. */
  rerouted(): void {
    for (const channel of this.#channels.values()) channel.rerouted();
  }

  /** Whether we may make publishes mandatory, on a channel in this mode. */
  shadowsMandatory(mode: PublishMode): boolean {
    return this.shadowing !== 'off' && (mode !== 'plain' || !this.#leaksMandatory);
  }

  get pipeline(): string {
    return this.#pipeline ?? this.#vhost;
  }

  get vhost(): string {
    return this.#vhost;
  }

  /** As app-name.ts has it; '' before the app said who it is. */
  get app(): string {
    return this.#app;
  }

  get client(): Client {
    return this.#client;
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

  /** Channels in their order, e.g. to let go what each holds. */
  channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  channel(id: number): Channel | undefined {
    const last = this.#last;
    if (last !== undefined && last.id === id) return last;
    const channel = this.#channels.get(id);
    if (channel !== undefined) this.#last = channel;
    return channel;
  }

  openChannel(id: number): void {
    if (this.#channels.has(id)) return;
    // another connection of the same client may have had a conflict
    if (this.isOpen) this.shadowing = this.plane.shadowing(this.#client);
    const { plane, id: connection, vhost, pipeline, app, client, inFlight } = this;
    const answering = (): void => this.onAnswer();
    const context = { plane, connection, vhost, pipeline, app, client, inFlight, answering };
    this.#channels.set(id, new Channel(id, context));
    plane.observer.traffic.channels(1);
  }

  /** A channel.close that passed: from the app it is answered, from the broker it is the end. */
  closeChannel(by: 'app' | 'broker', id: number, buf: Uint8Array, start: number, end: number, now: number): void {
    const channel = this.channel(id);
    if (channel === undefined) return;
    if (by === 'app') {
      channel.closing();
      return;
    }
    const { replyCode, replyText, failedClassId, failedMethodId } = readMethod('channel.close', buf, start, end);
    const failed = methodKey(failedClassId, failedMethodId);
    if (failed === PUBLISH) channel.publishes.refused(replyCode, replyText, now);
    if (failed === TX_SELECT && channel.publishes.numbers.isShadowed) {
      this.plane.noteConflict(this.#client);
      this.shadowing = this.plane.shadowing(this.#client);
    }
    channel.end('channel_error', 'channel_closed', now, replyCode, replyText);
    channel.publishes.discarded = 'channel_error';
    this.#tellClosed(channel, { by, code: replyCode, text: replyText }, now);
  }

  /** A channel.close-ok that passed: the broker's ends the channel, the app's forgets it. */
  channelClosed(by: 'app' | 'broker', id: number, now: number): void {
    const channel = this.channel(id);
    if (channel === undefined) return;
    if (by === 'broker') {
      channel.closed(now);
      channel.end('unconfirmed_at_close', 'channel_closed', now);
      this.#tellClosed(channel, { by: 'app', code: 0, text: '' }, now);
    }
    this.forgetChannel(id);
  }

  /** Its number can be used again. */
  forgetChannel(id: number): void {
    const channel = this.#channels.get(id);
    if (channel === undefined) return;
    channel.outgoing?.discard();
    channel.incoming?.discard();
    this.#channels.delete(id);
    this.#last = undefined;
    this.plane.observer.traffic.channels(-1);
  }

  /** channel.close-ok of the broker to our own close. */
  severedByBroker(channel: Channel, now: number): void {
    const { code = 0, text = '' } = channel.severed ?? {};
    channel.end('channel_error', 'channel_closed', now, code, text);
    this.#tellClosed(channel, { by: 'tracehare', code, text }, now);
  }

  #tellClosed(channel: Channel, { by, code, text }: Closing, now: number): void {
    const { plane, id: connection } = this;
    plane.observer.emit({
      type: 'channel.closed',
      at: plane.clock.micros(now),
      connection,
      channel: channel.id,
      by,
      code,
      text,
    });
  }

  /** A connection method of the app, on channel 0. Throws MalformedError. */
  fromApp(key: number, buf: Uint8Array, start: number, end: number): void {
    if (key === START_OK) {
      const { clientProperties, mechanism, response } = readMethod('connection.start-ok', buf, start, end);
      const { product, connection_name } = clientProperties;
      this.#properties = clientProperties;
      this.#client = {
        product: string(product),
        connectionName: string(connection_name),
        user: mechanism === 'PLAIN' ? plainUser(response) : '',
      };
      this.#app = appName(this.#client);
    } else if (key === TUNE_OK) {
      this.frameMax = readMethod('connection.tune-ok', buf, start, end).frameMax;
    } else if (key === OPEN) {
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
    } else if (key === OPEN_OK) {
      this.isOpen = true;
      this.shadowing = plane.shadowing(this.#client);
      plane.observer.emit({
        type: 'connection.identified',
        at,
        connection,
        vhost: this.#vhost,
        user: this.#client.user,
        name: this.#client.connectionName,
        product: this.#client.product,
        version: string(this.#properties.version),
        platform: string(this.#properties.platform),
        broker: this.#broker,
      });
    } else if (key === BLOCKED) {
      if (Number.isNaN(this.#blockedSince)) this.#blockedSince = now;
      const { reason } = readMethod('connection.blocked', buf, start, end);
      plane.observer.emit({ type: 'connection.blocked', at, connection, blocked: true, reason });
    } else if (key === UNBLOCKED) {
      this.#tellBlocked(now);
      this.#blockedSince = Number.NaN;
      plane.observer.emit({ type: 'connection.blocked', at, connection, blocked: false, reason: '' });
    }
  }

  /** connection.close, from either side; only the first counts as the cause. Throws MalformedError. */
  close(by: 'app' | 'broker', buf: Uint8Array, start: number, end: number, now: number): void {
    const { replyCode: code, replyText } = readMethod('connection.close', buf, start, end);
    this.closing ??= { by, code, text: replyText };
    // the broker drops what it has not read, and answers nothing any more
    if (by === 'broker') this.end('connection_lost', now);
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
      channel.end(unknown, 'connection_closed', now, code, text);
      channel.publishes.discarded ??= unknown;
    }
  }

  /** No frame will come any more. */
  forget(): void {
    for (const { outgoing, incoming } of this.#channels.values()) {
      outgoing?.discard();
      incoming?.discard();
    }
    this.plane.observer.traffic.channels(-this.#channels.size);
    this.#channels.clear();
    this.#last = undefined;
  }

  /** Every quarter of a second or so: what time alone decides. */
  sweep(now: number): void {
    for (const { publishes } of this.#channels.values()) {
      publishes.apart.reveal(now);
      publishes.sweep(now);
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
