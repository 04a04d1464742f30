import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { Exposition } from '../../src/telemetry/exposition/exposition.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { createRig, handshake, type NullSocket, type Rig } from '../../testing/plane-rig.ts';
import { BODY, HEADER, isMethod, method, short, split, u32 } from '../../testing/wire.ts';
import { textOf as textOfScrape } from '../metrics/rig.ts';
import { CONFIGURATION, HOLD_MS, LIMIT, routesOf } from './configuration.ts';
import {
  type Channel,
  type Content,
  Ledger,
  type Mode,
  type Publish,
  type Route,
  type Told,
  topicOf,
} from './ledger.ts';
import { contextOf, forwarded, framesOf, type Message, messageOf, returned, returnMethod, textOf } from './message.ts';

const FIN = 'FIN';
const SWEEP_MS = 250;

/** Class and method of what the app asks for; the answer's method is the one behind it. */
export const NUMBERS = {
  qos: [60, 10],
  'confirm.select': [85, 10],
  'tx.select': [90, 10],
  'tx.commit': [90, 20],
  'tx.rollback': [90, 30],
  close: [20, 40],
} as const;

const PLAIN: Omit<Content, 'route'> = {
  mandatory: true,
  size: 10,
  context: 'none',
  copied: 'none',
  table: 'none',
  named: false,
  expires: false,
};

/** A closing of the app that waits for confirms. */
interface Held {
  channel: number;
  until: number;
  go(): void;
}

/** What is known of a publish that the broker got. */
interface Arrived {
  /** content header and body, with ours in it */
  content: Buffer[];
  traceId: string;
  spanId: string;
}

/** An app and a broker at the two ends of the real data plane, and the ledger that says what should happen. */
/** No time passes but what the story says, ms since the epoch. */
const STARTED = Date.now();

export class Scene {
  readonly ledger = new Ledger(LIMIT);
  readonly routes: Route[];
  readonly #rig: Rig;
  readonly #exposition: Exposition;
  readonly #detach: () => void;
  /** written since it was last looked at */
  readonly #toBroker: (Buffer | typeof FIN)[] = [];
  readonly #toApp: Buffer[] = [];
  /** should have been */
  #forBroker: string[] = [];
  #forApp: string[] = [];
  #held: Held[] = [];
  #swept = Number.NEGATIVE_INFINITY;
  #waitsFor: Message[] = [];
  readonly messages = new Map<Publish, Message>();
  readonly #arrived = new Map<Publish, Arrived>();
  readonly #startedAt = new Map<Publish, number>();
  /** by channel: tags that the broker has yet to confirm */
  readonly unconfirmed = new Map<Channel, Set<number>>();
  /** the kernel takes nothing on its way to the broker */
  isSlow = false;
  /** time has passed meanwhile */
  #isLate = false;
  /** the app may still say something */
  appSpeaks = true;
  appListens = true;
  brokerSpeaks = true;
  /** connection.close of the app has gone out */
  appHasClosed = false;

  constructor(loss: Mode, folder: string) {
    vi.clearAllTimers();
    this.routes = routesOf(loss);
    const args = ['--loss', loss, '--pipeline', 'p', '--config', join(folder, 'model.yaml')];
    this.#rig = createRig({ args, env: { OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, now: () => STARTED });
    this.#exposition = new Exposition({ version: '1', ...loadConfig({ argv: [], env: {} }).metrics });
    this.#detach = this.#exposition.attach(this.#rig.cells);
    handshake(this.#rig);
    this.ledger.opened(1);
    this.#listen();
    this.openChannel(2);
    this.#rig.events();
  }

  #listen(): void {
    const { app, broker } = this.#rig;
    const record = (socket: NullSocket, to: (Buffer | typeof FIN)[]): void => {
      const write = socket.write.bind(socket);
      socket.write = (bytes, then) => {
        if (bytes.length > 0) to.push(Buffer.from(bytes));
        return write(bytes, then);
      };
    };
    record(app, this.#toApp);
    record(broker, this.#toBroker);
    broker.end = () => {
      if (!this.#toBroker.includes(FIN)) this.#toBroker.push(FIN);
      return broker;
    };
  }

  get #micros(): number {
    const { clock } = this.#rig.plane;
    return clock.micros(clock.now());
  }

  // What the app does

  openChannel(id: number): void {
    this.ledger.opened(id);
    this.appSays(method(id, 20, 10, short('')));
    this.brokerSays(method(id, 20, 11, u32(0)));
  }

  /** `piece`: bytes of what the app sends at once, 0: all. */
  publish(contents: readonly [Channel, Content][], piece: number): Message[] {
    const frames: Buffer[] = [];
    const messages: Message[] = [];
    for (const [channel, content] of contents) {
      if (this.ledger.selectsAheadOf(channel, content.route))
        this.#forBroker.push(textOf(confirmSelect(channel.id, true)));
      const publish = this.ledger.published(channel, content);
      const message = messageOf(publish, this.messages.size + 1);
      this.messages.set(publish, message);
      this.#startedAt.set(publish, this.#micros);
      this.#waitsFor.push(message);
      this.#forBroker.push(...forwarded(message));
      if (channel.mode === 'confirm') this.#unconfirmedOf(channel).add(publish.n - channel.selectedAt);
      frames.push(...framesOf(message));
      messages.push(message);
    }
    const all = Buffer.concat(frames);
    const step = piece || all.length;
    for (let at = 0; at < all.length; at += step) this.#rig.app.receive(Buffer.from(all.subarray(at, at + step)));
    return messages;
  }

  #unconfirmedOf(channel: Channel): Set<number> {
    const tags = this.unconfirmed.get(channel) ?? new Set();
    this.unconfirmed.set(channel, tags);
    return tags;
  }

  /** A frame that passes as it is. */
  appSays(frame: Buffer): void {
    this.#forBroker.push(textOf(frame));
    this.#rig.app.receive(Buffer.from(frame));
  }

  /** The app closes a channel, or the connection (0); what it says goes when no confirm is awaited that only we wait for. */
  appCloses(id: number, frame: Buffer, gone: () => void): void {
    this.#holds(id, () => {
      this.#forBroker.push(textOf(frame));
      gone();
    });
    this.#rig.app.receive(Buffer.from(frame));
  }

  appEnds(): void {
    this.appSpeaks = false;
    this.#holds(0, () => this.#forBroker.push(FIN));
    this.#rig.app.emit('end');
  }

  #holds(channel: number, go: () => void): void {
    if (this.ledger.awaitsShadow(channel)) this.#held.push({ channel, until: this.ledger.now + HOLD_MS, go });
    else go();
  }

  /** Those for whom nothing is awaited any more, or whose time is up, leave in their order: whatever came before does too. */
  #letGo(): void {
    const { now } = this.ledger;
    const last = this.#held.findLastIndex(({ channel, until }) => until <= now || !this.ledger.awaitsShadow(channel));
    for (const { go } of this.#held.splice(0, last + 1)) go();
  }

  // What the broker does

  /** A frame that passes as it is. */
  brokerSays(frame: Buffer): void {
    if (this.appListens) this.#forApp.push(textOf(frame));
    this.#rig.broker.receive(Buffer.from(frame));
  }

  block(blocked: boolean): void {
    this.ledger.blocks(blocked);
    this.brokerSays(blocked ? method(0, 10, 60, short('low on memory')) : method(0, 10, 61));
  }

  confirm(channel: Channel, tag: number, multiple: boolean, ack: boolean): void {
    const tags = this.#unconfirmedOf(channel);
    for (const each of [...tags]) if (multiple ? tag === 0 || each <= tag : each === tag) tags.delete(each);
    const appTag = this.ledger.appTag(channel, tag);
    this.ledger.confirmed(channel, tag, multiple, ack);
    const frame = (of: number): Buffer => confirmFrame(channel.id, of, multiple, ack);
    if (appTag >= 0 && this.appListens) this.#forApp.push(textOf(frame(appTag)));
    this.#rig.broker.receive(frame(tag));
  }

  return(publish: Publish, piece: number): void {
    const message = this.messages.get(publish) as Message;
    const arrived = this.#arrived.get(publish) as Arrived;
    const isForApp = this.ledger.returned(publish);
    if (isForApp && this.appListens) this.#forApp.push(...returned(message));
    const all = Buffer.concat([returnMethod(message), ...arrived.content]);
    const step = piece || all.length;
    for (let at = 0; at < all.length; at += step) this.#rig.broker.receive(Buffer.from(all.subarray(at, at + step)));
  }

  hasArrived(publish: Publish): boolean {
    return this.#arrived.has(publish);
  }

  // What neither of them does

  pass(ms: number): void {
    const { ledger } = this;
    if (this.isSlow) this.#isLate = true;
    ledger.now += ms;
    if (ledger.now - this.#swept >= SWEEP_MS) {
      this.#swept = ledger.now;
      ledger.sweep();
    }
    this.#rig.pass(ms);
    this.#letGo();
    vi.advanceTimersByTime(ms);
  }

  slow(): void {
    this.isSlow = true;
    this.#rig.broker.isSlow = true;
  }

  flush(): void {
    const { broker } = this.#rig;
    this.isSlow = false;
    this.ledger.behind = false;
    broker.isSlow = false;
    broker.writableLength = 0;
    for (const taken of broker.waiting.splice(0)) taken();
    this.ledger.flushed();
    // the second without a return begins anew when its publish is in the kernel's hands, or goes on
    if (this.#isLate) this.pass(1100);
    this.#isLate = false;
  }

  cut(first: 'app' | 'broker'): void {
    const { app, broker } = this.#rig;
    this.appSpeaks = this.brokerSpeaks = this.appListens = false;
    this.#held = [];
    this.ledger.cut();
    app.destroyed = broker.destroyed = true;
    for (const socket of first === 'app' ? [app, broker] : [broker, app]) socket.emit('close');
  }

  /** Everything is settled; then each channel has room for as many open publishes as it may have, and no more. */
  async finish(): Promise<void> {
    if (this.ledger.ended) return;
    if (this.isSlow) this.flush();
    await this.check();
    if (this.appSpeaks && this.brokerSpeaks) {
      if (this.ledger.blocked) this.block(false);
      for (const channel of this.ledger.channels.values()) if (channel.life === 'open') await this.#fill(channel);
    }
    this.cut('broker');
    await this.check();
  }

  async #fill(channel: Channel): Promise<void> {
    const isDoomed = (): boolean =>
      channel.mode === 'confirm' && channel.requests.some(({ reply }) => reply === 'tx.select');
    if (isDoomed()) return;
    while (channel.requests.length > 0) await this.#answer(channel);
    this.pass(1100);
    if (channel.mode === 'confirm' && channel.open.length > 0) this.confirm(channel, 0, true, true);
    if (channel.mode === 'tx') {
      this.ledger.asked(channel, 'tx.commit');
      this.appSays(method(channel.id, 90, 20));
      await this.#answer(channel);
    }
    await this.check();
    expect(channel.open).toHaveLength(0);
    for (let i = 0; i <= LIMIT; i++) this.publish([[channel, { ...PLAIN, route: this.routes[0] }]], 0);
    await this.check();
  }

  async #answer(channel: Channel): Promise<void> {
    const [classId, methodId] = NUMBERS[channel.requests[0].reply];
    this.ledger.answered(channel);
    this.brokerSays(method(channel.id, classId, methodId + 1));
    await this.check();
  }

  // What comes of it

  /** All that was written and told since the last time is what the ledger says. */
  async check(): Promise<void> {
    if (this.isSlow && this.#toBroker.length > 0) this.ledger.behind = true;
    if (!this.ledger.behind && !this.ledger.ended) this.ledger.flushed();
    // what waited for confirms goes behind the chunk that brought them
    for (let i = 0; i < 3; i++) await null;
    this.#letGo();
    const now = this.#micros;
    const toBroker = framesIn(this.#toBroker);
    this.#learn(toBroker);
    expect({
      toBroker: toBroker.map((each) => (each === FIN ? FIN : textOf(each, now))),
      toApp: framesIn(this.#toApp).map((each) => textOf(each as Buffer)),
      told: this.#told(),
    }).toEqual({
      toBroker: this.#forBroker,
      toApp: this.#forApp,
      told: this.ledger.told.map((each) => this.#expected(each)).sort(),
    });
    this.#forBroker = [];
    this.#forApp = [];
    this.ledger.told = [];
  }

  /** What went out is what the broker will give back. */
  #learn(frames: (Buffer | typeof FIN)[]): void {
    let content: Buffer[] = [];
    for (const frame of frames) {
      if (frame === FIN) continue;
      if (isMethod(frame, 60, 40)) {
        content = [];
        const message = this.#waitsFor.shift();
        if (message !== undefined) this.#arrived.set(message.publish, { content, traceId: '', spanId: '' });
      } else if (frame[0] === HEADER) {
        const [publish, arrived] = [...this.#arrived].at(-1) ?? [];
        content.push(frame);
        if (arrived !== undefined && publish !== undefined) Object.assign(arrived, contextOf(frame));
      } else if (frame[0] === BODY) content.push(frame);
    }
  }

  #told(): string[] {
    const now = this.#micros;
    const own = new Set([...this.messages.values()].map(({ traceId }) => traceId));
    const sent = new Map([...this.#arrived.values()].map(({ traceId, spanId }) => [spanId, traceId]));
    const traces = new Set([...own, ...sent.values()]);
    return this.#rig
      .events()
      .map((event: LifecycleEvent) => {
        if (event.type === 'channel.closed' || event.type === 'connection.closed') {
          const { connection, at, ...rest } = event;
          return JSON.stringify(rest, sorted(rest));
        }
        if (event.type === 'message.lost') {
          const { connection, at, pipeline, ...rest } = event;
          return JSON.stringify(rest, sorted(rest));
        }
        if (event.type === 'connection.blocked') return JSON.stringify({ blocked: event.blocked, type: event.type });
        if (event.type !== 'publish.ended') return event.type;
        const { connection, pipeline, startedAt, endedAt, traceId, spanId, ...rest } = event;
        const shown = {
          ...rest,
          traceId: traces.has(traceId) ? traceId : idOf(traceId),
          spanId: sent.get(spanId) === traceId ? spanId : idOf(spanId),
          startedAt,
          isInTime: event.confirmed ? endedAt === now : endedAt >= startedAt && endedAt <= now,
        };
        return JSON.stringify(shown, sorted(shown));
      })
      .sort();
  }

  #expected(told: Told): string {
    const shown = this.#shown(told);
    return JSON.stringify(shown, sorted(shown));
  }

  #shown(told: Told): object {
    switch (told.what) {
      case 'blocked':
        return { type: 'connection.blocked', blocked: told.blocked };
      case 'channel closed': {
        const { what, ...rest } = told;
        return { type: 'channel.closed', ...rest };
      }
      case 'connection closed': {
        const { what, ...rest } = told;
        return { type: 'connection.closed', ...rest };
      }
      case 'lost': {
        const { route, channel, reason, key, of } = told;
        const traceId = of === undefined ? '' : (this.#arrived.get(of)?.traceId ?? '');
        const names = { exchange: route.exchange, routingKey: key, topic: topicOf(route), queue: '' };
        return { type: 'message.lost', channel, side: 'publish', ...names, reason, traceId };
      }
      case 'ended': {
        const { publish, end, number } = told;
        const message = this.messages.get(publish) as Message;
        const { route, channel, size, sampled } = publish;
        const arrived = this.#arrived.get(publish);
        // only of those that are told of in any case more is kept than ids
        const known = (text: string): string => (sampled ? text : '');
        const isOurs = message.traceId === '' && arrived?.traceId;
        return {
          type: 'publish.ended',
          channel: channel.id,
          exchange: route.exchange,
          routingKey: route.key,
          topic: topicOf(route),
          traceId: message.traceId || arrived?.traceId || 'one of its own',
          spanId: isOurs ? arrived?.spanId : 'one of its own',
          parentSpanId: message.parentSpanId,
          traceState: known(message.traceState),
          sampled,
          bodySize: size,
          messageId: known(message.messageId),
          correlationId: known(message.correlationId),
          fault: '',
          headers: [],
          baggage: '',
          sequence: number,
          outcome: end.outcome,
          reason: end.reason,
          confirmed: end.confirmed,
          replyCode: end.code,
          replyText: end.text,
          // no app of the model consumes and publishes
          cause: '',
          causeTraceId: '',
          causeSpanId: '',
          isCauseParent: false,
          startedAt: this.#startedAt.get(publish),
          isInTime: true,
        };
      }
    }
  }

  /** Every counter is what the ledger says. */
  async checkCounts(): Promise<void> {
    const metrics = new Metrics(await textOfScrape(this.#exposition.render()));
    const counts: Record<string, number> = {};
    const add = (name: string, what: (labels: Record<string, string>) => string): void => {
      for (const { labels, value } of metrics.matching(name)) {
        if (value > 0) counts[what(labels)] = (counts[what(labels)] ?? 0) + value;
      }
    };
    add('event_throughput_total', ({ status, topic }) => `${status} ${topic}`);
    add('event_lost_total', ({ topic, reason }) => `lost ${topic} ${reason}`);
    add('event_unknown_total', ({ topic, reason }) => `unknown ${topic} ${reason}`);
    add('event_unrouted_expected_total', ({ topic }) => `expected ${topic}`);
    add('event_confirm_seconds_count', ({ topic }) => `confirmed ${topic}`);
    add('event_bytes_total', ({ topic }) => `bytes ${topic}`);
    add('tracehare_topology_messages_total', ({ target }) => `hop ${target.split(':').at(-1)}`);
    add('tracehare_topology_lost_total', ({ target }) => `hop lost ${target.split(':').at(-1)}`);
    add('tracehare_unobserved_total', ({ reason }) => `unobserved ${reason}`);
    add('tracehare_shadow_conflicts_total', () => 'conflicts');
    add('tracehare_observer_failures_total', () => 'observer failures');
    expect(counts).toEqual(this.ledger.counts);
  }

  end(): void {
    this.#detach();
    this.#rig.cells.close();
  }
}

export const confirmSelect = (id: number, nowait: boolean): Buffer => method(id, 85, 10, Buffer.of(nowait ? 1 : 0));

function confirmFrame(id: number, tag: number, multiple: boolean, ack: boolean): Buffer {
  const args = Buffer.alloc(9);
  args.writeBigUInt64BE(BigInt(tag));
  args[8] = multiple ? 1 : 0;
  return method(id, 60, ack ? 80 : 120, args);
}

/** Empties what was written. */
function framesIn(written: (Buffer | typeof FIN)[]): (Buffer | typeof FIN)[] {
  const all = written.splice(0);
  const { frames, rest } = split(Buffer.concat(all.filter((each) => each !== FIN)));
  expect(rest).toHaveLength(0);
  // nothing is written behind it
  if (all.includes(FIN)) expect(all.at(-1)).toBe(FIN);
  return all.includes(FIN) ? [...frames, FIN] : frames;
}

const idOf = (id: string): string => (/^[0-9a-f]*[1-9a-f][0-9a-f]*$/.test(id) ? 'one of its own' : id);
const sorted = (object: object): string[] => Object.keys(object).sort();

/** The file that all scenes are configured with. */
export function configured(): { path: string; remove(): void } {
  const folder = temporaryFolder('model');
  writeFileSync(join(folder.path, 'model.yaml'), CONFIGURATION);
  return folder;
}
