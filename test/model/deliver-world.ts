import { createRig, handshake, type Rig } from '../../bench/micro/plane.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
import { Exposition } from '../../src/telemetry/metrics/exposition/exposition.ts';
import { textOf } from '../metrics/rig.ts';
import { compared, counted, Ids, linesOf } from './deliver-figures.ts';
import { app, broker, framesOf, parentOf, traceIdOf } from './deliver-frames.ts';
import { type Delivery, Ledger } from './deliver-ledger.ts';
import type { Ending, Message, Operation, Settlement } from './deliver-operations.ts';

const { buckets, openTelemetryNames } = loadConfig({ argv: [], env: {} }).metrics;

export interface Settings {
  /** file with the rule that the queue `kept` dead-letters */
  config: string;
  window: number;
  sampler: 'parentbased_always_off' | 'always_on';
}

interface Consumer {
  channel: number;
  tag: string;
  queue: string;
  noAck: boolean;
  /** the broker delivers to it unless it is still `asked` for; `leaving`: cancelled without an answer to wait for */
  state: 'asked' | 'on' | 'cancelling' | 'leaving';
}

/** A request that the broker has yet to answer: in turn, as it reads them. */
interface Request {
  name: string;
  answer(): Buffer[];
  /** cancelled before it was sent: the broker has read that when it answers */
  left: Consumer[];
}

class Channel {
  tag = 0;
  isOpen = true;
  transactional = false;
  lastQueue = '';
  generated = 0;
  readonly requests: Request[] = [];
  /** tags settled by a `multiple` */
  readonly swept: number[] = [];

  awaits(...names: string[]): boolean {
    return this.requests.some(({ name }) => names.includes(name));
  }
}

/** An app and a broker, both within AMQP, with the data plane between them and the ledger beside it. */
export class World {
  readonly #rig: Rig;
  readonly #ledger: Ledger;
  readonly #settings: Settings;
  readonly #exposition = new Exposition({ version: '1', buckets, openTelemetryNames });
  readonly #detach: () => void;
  readonly #channels = new Map<number, Channel>([[1, new Channel()]]);
  #consumers: Consumer[] = [];
  /** wall time of the start, microseconds */
  readonly #start: number;
  readonly #ids = new Ids();
  #serial = 0;
  #isSlow = false;
  /** the app reads nothing any more */
  #appGone = false;
  #passed = { app: 0, broker: 0 };
  /** what was done, for whoever reads a counterexample */
  readonly log: string[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
    const args = ['--limits-window-per-channel', String(settings.window), '--config', settings.config];
    this.#rig = createRig({ args, env: { OTEL_TRACES_SAMPLER: settings.sampler } });
    this.#ledger = new Ledger(settings.window, ['kept']);
    this.#detach = this.#exposition.attach(this.#rig.cells);
    const opened = this.#rig.events().find(({ type }) => type === 'connection.opened') as { at: number } | undefined;
    if (opened === undefined) throw new Error('the connection was not told of');
    this.#start = opened.at;
    handshake(this.#rig);
    this.#passed = { app: this.#rig.broker.bytesWritten, broker: this.#rig.app.bytesWritten };
  }

  end(): void {
    this.#detach();
    this.#rig.cells.close();
  }

  async perform(operation: Operation): Promise<void> {
    this.#perform(operation);
    this.#compareTold();
    if (operation.do === 'look') await this.look();
  }

  /** Compares all counts. */
  async look(): Promise<void> {
    const seen = counted(await textOf(this.#exposition.render()));
    this.#compare('counts', seen, linesOf(this.#ledger.counts));
  }

  #compareTold(): void {
    const events = this.#rig.events().filter((event): event is DeliveryEnded => event.type === 'delivery.ended');
    const { told, expected } = compared(events, this.#ledger.told(), this.#start, this.#ids);
    this.#compare('told', told, expected);
    const written = { app: this.#rig.broker.bytesWritten, broker: this.#rig.app.bytesWritten };
    if (!this.#appGone) this.#compare('bytes', [JSON.stringify(written)], [JSON.stringify(this.#passed)]);
  }

  #compare(what: string, seen: string[], expected: string[]): void {
    const missing = without(expected, seen);
    const surplus = without(seen, expected);
    if (missing.length + surplus.length === 0) return;
    const lines = [...missing.map((line) => `  - ${line}`), ...surplus.map((line) => `  + ${line}`)];
    throw new Error(
      `after\n${this.log.map((line) => `  ${line}`).join('\n')}\n${what} (- expected, + seen):\n${lines.join('\n')}`,
    );
  }

  #perform(operation: Operation): void {
    switch (operation.do) {
      case 'open channel':
        this.#openChannel(operation.channel);
        break;
      case 'declare':
        this.#declare(operation);
        break;
      case 'consume':
        this.#consume(operation);
        break;
      case 'deliver':
        this.#deliver(operation);
        break;
      case 'get':
        this.#get(operation);
        break;
      case 'settle':
        this.#settle(operation.list);
        break;
      case 'recover':
        this.#recover(operation);
        break;
      case 'cancel':
        this.#cancel(operation);
        break;
      case 'broker cancels':
        this.#brokerCancels(operation.pick);
        break;
      case 'tx':
        this.#tx(operation);
        break;
      case 'answer':
        this.#answer(operation.channel);
        break;
      case 'close channel':
        this.#close(operation);
        break;
      case 'broker closes channel':
        this.#brokerCloses(operation);
        break;
      case 'kernel':
        this.#kernel(operation.takes);
        break;
      case 'time passes':
        this.log.push(`${operation.ms} ms pass`);
        this.#ledger.now += operation.ms;
        this.#rig.pass(operation.ms);
        break;
      case 'look':
        this.log.push('(counts are compared)');
    }
  }

  // ---- the wire

  #fromApp(what: string, ...frames: Buffer[]): void {
    this.log.push(`app: ${what}`);
    const chunk = Buffer.concat(frames);
    this.#passed.app += chunk.length;
    this.#rig.app.receive(chunk);
  }

  #fromBroker(what: string, frames: Buffer[], inCrumbs = false): void {
    this.log.push(`broker: ${what}`);
    const bytes = Buffer.concat(frames);
    this.#passed.broker += bytes.length;
    const size = inCrumbs ? 7 : bytes.length;
    for (let at = 0; at < bytes.length; at += size)
      this.#rig.broker.receive(Buffer.from(bytes.subarray(at, at + size)));
    if (this.#appGone) return;
    if (this.#isSlow) this.#ledger.fellBehind();
    else this.#ledger.flushed();
  }

  #kernel(takes: 'nothing' | 'some' | 'all'): void {
    const socket = this.#rig.app;
    if (takes === 'nothing') {
      this.#isSlow = socket.isSlow = true;
    } else if (takes === 'all') {
      this.#isSlow = socket.isSlow = false;
      socket.writableLength = 0;
      for (const taken of socket.waiting.splice(0)) taken();
      this.#ledger.flushed();
    } else {
      if (socket.writableLength < 2) return;
      socket.writableLength = Math.ceil(socket.writableLength / 2);
      socket.waiting.shift()?.();
    }
    this.log.push(`the app's kernel takes ${takes}`);
  }

  // ---- requests

  /** The channel, if the app may say something on it. */
  #usable(channel: number): Channel | undefined {
    const found = this.#channels.get(channel);
    return found?.isOpen ? found : undefined;
  }

  #ask(id: number, name: string, frame: Buffer, answer: () => Buffer[], answered: boolean): void {
    const channel = this.#channels.get(id) as Channel;
    const left = this.#consumers.filter((each) => each.channel === id && each.state === 'leaving');
    this.#fromApp(name, frame);
    channel.requests.push({ name, answer, left });
    if (answered) this.#answer(id);
  }

  #answer(id: number): void {
    const requests = this.#channels.get(id)?.requests ?? [];
    for (let next = requests.shift(); next !== undefined; next = requests.shift()) {
      const { name, answer, left } = next;
      this.#consumers = this.#consumers.filter((each) => !left.includes(each));
      const frames = answer();
      this.#fromBroker(`answers: ${name}`, frames);
    }
  }

  #openChannel(id: number): void {
    if (this.#channels.has(id)) return;
    this.#channels.set(id, new Channel());
    this.#fromApp(`open channel ${id}`, app.channelOpen(id));
    this.#fromBroker(`channel ${id} is open`, [broker.channelOpenOk(id)]);
  }

  #declare({ channel: id, queue, nowait, answered }: Extract<Operation, { do: 'declare' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const deadLetters = queue === 'buried';
    const frame = app.declare(id, queue, deadLetters, nowait);
    const done = (): void => {
      channel.lastQueue = queue;
      if (deadLetters) this.#ledger.learnDeadLettering(queue);
    };
    if (nowait) {
      // with the same meaning whichever of them the broker has read
      if (channel.awaits('declare on')) return;
      this.#fromApp(`declare ${queue} on ${id}, nowait`, frame);
      done();
      return;
    }
    this.#ask(
      id,
      `declare ${queue} on ${id}`,
      frame,
      () => {
        done();
        return [broker.declareOk(id, queue)];
      },
      answered,
    );
  }

  /** Which queue the app means; undefined: an empty name that means none yet, or not the same to all. */
  #queueMeant(channel: Channel, queue: string): string | undefined {
    if (queue !== '') return queue;
    if (channel.requests.some(({ name }) => name.startsWith('declare'))) return undefined;
    return channel.lastQueue || undefined;
  }

  #consume(operation: Extract<Operation, { do: 'consume' }>): void {
    const { channel: id, noAck, nowait, answered } = operation;
    const channel = this.#usable(id);
    if (channel === undefined || (nowait && operation.tag === '')) return;
    const queue = this.#queueMeant(channel, operation.queue);
    if (queue === undefined) return;
    const tag = operation.tag || `amq.ctag-${++channel.generated}`;
    const same = this.#consumers.find((each) => each.channel === id && each.tag === tag);
    if (same !== undefined && same.state !== 'leaving') return;
    const consumer: Consumer = { channel: id, tag, queue, noAck, state: 'asked' };
    const frame = app.consume(id, operation.queue, operation.tag, noAck, nowait);
    const what = `consume ${operation.queue} on ${id} as '${operation.tag}'${noAck ? ', no-ack' : ''}`;
    if (nowait) {
      // the broker has read the cancel
      this.#consumers = this.#consumers.filter((each) => each !== same);
      this.#fromApp(`${what}, nowait`, frame);
      consumer.state = 'on';
      this.#consumers.push(consumer);
      return;
    }
    this.#ask(
      id,
      what,
      frame,
      () => {
        consumer.state = 'on';
        return [broker.consumeOk(id, tag)];
      },
      false,
    );
    this.#consumers.push(consumer);
    if (answered) this.#answer(id);
  }

  #cancel({ pick, nowait, answered }: Extract<Operation, { do: 'cancel' }>): void {
    const consumer = picked(
      this.#consumers.filter(({ channel, state }) => state === 'on' && this.#usable(channel)),
      pick,
    );
    if (consumer === undefined) return;
    const { channel: id, tag } = consumer;
    const frame = app.cancel(id, tag, nowait);
    if (nowait) {
      this.#fromApp(`cancel ${tag} on ${id}, nowait`, frame);
      consumer.state = 'leaving';
      return;
    }
    consumer.state = 'cancelling';
    this.#ask(
      id,
      `cancel ${tag} on ${id}`,
      frame,
      () => {
        this.#consumers = this.#consumers.filter((each) => each !== consumer);
        return [broker.cancelOk(id, tag)];
      },
      answered,
    );
  }

  #brokerCancels(pick: number): void {
    const consumer = picked(
      this.#consumers.filter(({ state }) => state === 'on'),
      pick,
    );
    if (consumer === undefined) return;
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
    this.#fromBroker(`cancels ${consumer.tag} on ${consumer.channel}`, [broker.cancel(consumer.channel, consumer.tag)]);
  }

  // ---- messages

  #deliver({ messages, pieces }: Extract<Operation, { do: 'deliver' }>): void {
    const consumers = this.#consumers.filter(({ state }) => state !== 'asked');
    if (consumers.length === 0) return;
    const all: Buffer[][] = [];
    const deliveries: Delivery[] = [];
    const taken = new Set<number>();
    for (const { to, message } of messages) {
      const { channel: id, tag, queue, noAck } = picked(consumers, to) as Consumer;
      // frames of one channel's messages cannot mix
      if (pieces === 'woven' && taken.has(id)) continue;
      taken.add(id);
      const made = this.#message({ id, via: 'deliver', consumerTag: tag, queue, noAck }, message);
      all.push(made.frames);
      deliveries.push(made.delivery);
    }
    for (const delivery of deliveries) this.#ledger.delivered(delivery);
    const frames = pieces === 'woven' ? woven(all) : all.flat();
    this.#fromBroker(`delivers, ${pieces}, ${deliveries.map(described).join('; ')}`, frames, pieces === 'crumbs');
  }

  #message(
    to: { id: number; via: 'deliver' | 'get'; consumerTag: string; queue: string; noAck: boolean },
    message: Message,
  ): { frames: Buffer[]; delivery: Delivery } {
    const channel = this.#channels.get(to.id) as Channel;
    const serial = ++this.#serial;
    const { exchange, routingKey, redelivered, size, context, named, age, death } = message;
    const sampled = this.#settings.sampler === 'always_on' || context === 'sampled';
    const own = context === 'none' ? '' : traceIdOf(serial);
    const { id, ...rest } = to;
    const delivery: Delivery = {
      ...rest,
      channel: id,
      tag: ++channel.tag,
      exchange,
      routingKey,
      redelivered,
      size,
      traceId: own === '' && sampled ? 'fresh' : own,
      parentSpanId: context === 'none' ? '' : parentOf(serial),
      traceState: context !== 'none' && message.traceState ? `serial=${serial}` : '',
      sampled,
      messageId: named === 'not' ? '' : `m${serial}`,
      correlationId: named === 'both' ? `c${serial}` : '',
      age,
      death,
      at: this.#ledger.now,
    };
    const micros = this.#start + this.#ledger.now * 1000;
    return { frames: framesOf(delivery, message, serial, micros), delivery };
  }

  #get(operation: Extract<Operation, { do: 'get' }>): void {
    const { channel: id, noAck, found, answered } = operation;
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const queue = this.#queueMeant(channel, operation.queue);
    if (queue === undefined) return;
    const answer = (): Buffer[] => {
      if (found === undefined) return [broker.getEmpty(id)];
      const { frames, delivery } = this.#message({ id, via: 'get', consumerTag: '', queue, noAck }, found);
      this.log.push(`  (${described(delivery)})`);
      this.#ledger.delivered(delivery);
      return frames;
    };
    const what = `get from ${operation.queue} on ${id}${noAck ? ', no-ack' : ''}`;
    this.#ask(id, what, app.get(id, operation.queue, noAck), answer, answered);
  }

  #settle(list: Settlement[]): void {
    const frames: Buffer[] = [];
    const said: string[] = [];
    for (const { how, channel: pick, pick: nth, what, requeue } of list) {
      const ids = [...this.#channels.keys()].filter((id) => this.#maySettle(id));
      const id = picked(ids, pick);
      if (id === undefined) continue;
      const channel = this.#channels.get(id) as Channel;
      const tags = this.#ledger.unsettled(id);
      const multiple = (what === 'up to' || what === 'all') && how !== 'reject';
      // in a transaction it would be of one that waits for the commit
      const again = what === 'again' && !channel.transactional;
      const one = again ? picked(channel.swept, nth) : picked(tags, nth);
      const tag = multiple && what === 'all' ? 0 : one;
      if (tag === undefined) continue;
      if (multiple) channel.swept.push(...tags.filter((each) => tag === 0 || each <= tag));
      if (how === 'ack') frames.push(app.ack(id, tag, multiple));
      else if (how === 'nack') frames.push(app.nack(id, tag, multiple, requeue));
      else frames.push(app.reject(id, tag, requeue));
      said.push(`${how} ${id}/${tag}${multiple ? ' multiple' : ''}${how !== 'ack' && requeue ? ' requeue' : ''}`);
      this.#ledger.settles(id, how, tag, multiple, requeue, channel.transactional);
    }
    if (frames.length > 0) this.#fromApp(said.join(', '), ...frames);
  }

  /** What the broker is about to do to open deliveries is done before it reads on. */
  #maySettle(id: number): boolean {
    const channel = this.#usable(id);
    return channel !== undefined && !channel.requests.some(({ name }) => /^(recover|tx\.rollback)/.test(name));
  }

  #recover({ channel: id, async, answered }: Extract<Operation, { do: 'recover' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined) return;
    if (async) {
      if (!this.#maySettle(id)) return;
      this.#fromApp(`recover-async on ${id}`, app.recover(id, true));
      this.#ledger.recovered(id);
      return;
    }
    const answer = (): Buffer[] => {
      this.#ledger.recovered(id);
      return [broker.recoverOk(id)];
    };
    this.#ask(id, `recover on ${id}`, app.recover(id, false), answer, answered);
  }

  #tx({ channel: id, what, answered }: Extract<Operation, { do: 'tx' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined || (what !== 'select' && !channel.transactional)) return;
    if (what === 'select') channel.transactional = true;
    const uncommitted = this.#ledger.uncommitted(id);
    const answer = (): Buffer[] => {
      if (what !== 'select') uncommitted[what]();
      return [broker.txOk(id, what)];
    };
    this.#ask(id, `tx.${what} on ${id}`, app.tx(id, what), answer, answered);
  }

  // ---- ends

  #channelGone(id: number): void {
    this.#consumers = this.#consumers.filter(({ channel }) => channel !== id);
    this.#ledger.channelEnded(id, 'channel_closed');
    this.#channels.delete(id);
  }

  #close({ channel: id, answered }: Extract<Operation, { do: 'close channel' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const answer = (): Buffer[] => {
      this.#channelGone(id);
      return [broker.channelCloseOk(id)];
    };
    channel.isOpen = false;
    this.#ask(id, `close channel ${id}`, app.channelClose(id), answer, answered);
  }

  #brokerCloses({ channel: id, late }: Extract<Operation, { do: 'broker closes channel' }>): void {
    if (this.#usable(id) === undefined) return;
    const [tag] = this.#ledger.unsettled(id);
    this.#channelGone(id);
    this.#fromBroker(`closes channel ${id}`, [broker.channelClose(id)]);
    // sent before the app read of it
    if (late !== undefined && tag !== undefined) {
      const frame = late === 'ack' ? app.ack(id, tag, true) : app.nack(id, tag, false, false);
      this.#fromApp(`(too late) ${late} ${id}/${tag}`, frame);
    }
    this.#fromApp(`channel ${id} is closed`, app.channelCloseOk(id));
  }

  /** The connection ends, with what still comes while one side is gone already. */
  async finish(how: Ending, after: Operation[]): Promise<void> {
    const { app: appSocket, broker: brokerSocket } = this.#rig;
    const whileEnding = (): void => {
      for (const each of after) this.#perform(each);
    };
    if (how === 'app closes') {
      this.#fromApp('connection.close', app.close);
      whileEnding();
      this.#channelsGone();
      this.#fromBroker('connection.close-ok', [broker.closeOk]);
    } else if (how === 'broker closes') {
      this.#channelsGone();
      this.#fromBroker('connection.close', [broker.close]);
      this.#fromApp('connection.close-ok', app.closeOk);
    } else if (how === 'app ends, then cut') {
      this.log.push('app: FIN');
      appSocket.emit('end');
      whileEnding();
    }
    this.#compareTold();
    this.log.push(how === 'broker cut' ? 'the broker is gone' : 'the app is gone');
    if (how === 'broker cut') {
      gone(brokerSocket, true);
      gone(appSocket, false);
    } else {
      this.#appGone = true;
      gone(appSocket, how === 'app cut');
      if (how === 'app cut') whileEnding();
      gone(brokerSocket, false);
    }
    this.#ledger.connectionGone(how === 'app cut' || how === 'app ends, then cut');
    this.#compareTold();
    await this.look();
  }

  #channelsGone(): void {
    for (const id of this.#channels.keys()) this.#ledger.channelEnded(id, 'connection_closed');
    this.#channels.clear();
    this.#consumers = [];
  }
}

/** A socket that is gone, as Node leaves it. */
function gone(socket: Rig['app'], withAnError: boolean): void {
  if (withAnError) {
    socket.errored = new Error('read ECONNRESET');
    socket.emit('error', socket.errored);
  }
  Object.assign(socket, { destroyed: true, readableEnded: true, writableEnded: true });
  socket.emit('close');
}

const picked = <T>(list: readonly T[], pick: number): T | undefined => list[pick % list.length];

/** A frame of each in turn. */
function woven(all: Buffer[][]): Buffer[] {
  const longest = Math.max(...all.map((frames) => frames.length));
  return Array.from({ length: longest }, (_, i) => all.flatMap((frames) => frames.slice(i, i + 1))).flat();
}

function described(delivery: Delivery): string {
  const { channel, tag, consumerTag, queue, exchange, routingKey, size, redelivered, age, death, sampled } = delivery;
  const words = [
    `${channel}/${tag}`,
    `'${exchange}' ${routingKey} from ${queue}`,
    consumerTag && `to ${consumerTag}`,
    `${size} B`,
    redelivered && 'redelivered',
    age !== undefined && `${age} s old`,
    death !== undefined && `dead of ${death.queue} ${death.reason}`,
    sampled && 'sampled',
  ];
  return words.filter(Boolean).join(' ');
}

/** Lines of `a` that are not in `b`, as often as they are more. */
function without(a: string[], b: string[]): string[] {
  const rest = b.slice();
  return a.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
