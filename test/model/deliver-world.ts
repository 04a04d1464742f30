import { string } from '../../testing/wire.ts';
import { app, broker, framesOf, parentOf, stampOf, traceIdOf } from './deliver-frames.ts';
import type { Delivery, Ledger } from './deliver-ledger.ts';
import type { Ending, Message, Operation, Settlement } from './deliver-operations.ts';
import { type Settings, Site } from './deliver-site.ts';

interface Consumer {
  channel: number;
  tag: string;
  queue: string;
  noAck: boolean;
  asksForOffset: boolean;
  /** when it began, microseconds, and how far it has come in what it takes for a stream */
  since: number;
  offset: number;
  readsQueue: boolean;
  serial: number;
  /**
   * the broker delivers to it unless it is still `asked` for; `leaving`: cancelled without an answer to wait for;
   * `dormant`: cancelled by the broker, which may deliver again
   */
  state: 'asked' | 'on' | 'cancelling' | 'leaving' | 'dormant';
  /** the app does not know its tag, and nothing was delivered to it yet */
  isUnheardOf: boolean;
}

/** A request that the broker has yet to answer: in turn, as it reads them. */
interface Request {
  name: string;
  answer(): Buffer[];
  /** cancelled before it was sent: the broker has read that when it answers */
  left: Consumer[];
  /** what was asked behind it, without an answer, and is done when it is answered */
  behind: (() => void)[];
  /** settlements that it shows to have been read */
  read: ReturnType<Ledger['asked']>;
}

class Channel {
  tag = 0;
  isOpen = true;
  transactional = false;
  lastQueue = '';
  generated = 0;
  readonly requests: Request[] = [];
  /** tags that were settled, if only in a transaction that may be rolled back */
  readonly settled: number[] = [];

  awaits(...names: string[]): boolean {
    return this.requests.some(({ name }) => names.includes(name));
  }
}

/** An app and a broker, both within AMQP, with the data plane between them and the ledger beside it. */
export class World {
  readonly #site: Site;
  readonly #ledger: Ledger;
  readonly #settings: Settings;
  readonly #channels = new Map<number, Channel>([[1, new Channel()]]);
  #consumers: Consumer[] = [];
  #serial = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#site = new Site(settings);
    this.#ledger = this.#site.ledger;
  }

  end(): void {
    this.#site.end();
  }

  async perform(operation: Operation): Promise<void> {
    this.#perform(operation);
    this.#site.compareTold();
    if (operation.do === 'look') await this.#site.look();
  }

  #perform(operation: Operation): void {
    switch (operation.do) {
      case 'open channel':
        this.#openChannel(operation.channel);
        break;
      case 'declare':
        this.#declare(operation);
        break;
      case 'delete':
        this.#delete(operation);
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
        this.#site.kernel(operation.takes);
        break;
      case 'time passes':
        this.#site.log.push(`${operation.ms} ms pass`);
        this.#site.pass(operation.ms);
        break;
      case 'look':
        this.#site.log.push('(counts are compared)');
    }
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
    this.#site.fromApp(name, frame);
    channel.requests.push({ name, answer, left, behind: [], read: this.#ledger.asked(id) });
    if (answered) this.#answer(id);
  }

  #answer(id: number): void {
    const requests = this.#channels.get(id)?.requests ?? [];
    for (let next = requests.shift(); next !== undefined; next = requests.shift()) {
      const { name, answer, left, read } = next;
      this.#consumers = this.#consumers.filter((each) => !left.includes(each));
      this.#ledger.answered(id, read);
      const frames = answer();
      this.#site.fromBroker(`answers: ${name}`, frames);
      for (const done of next.behind) done();
    }
  }

  #openChannel(id: number): void {
    if (this.#channels.has(id)) return;
    this.#channels.set(id, new Channel());
    this.#site.fromApp(`open channel ${id}`, app.channelOpen(id));
    this.#site.fromBroker(`channel ${id} is open`, [broker.channelOpenOk(id)]);
  }

  #declare({ channel: id, queue, nowait, answered }: Extract<Operation, { do: 'declare' | 'delete' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const deadLetters = queue === 'buried';
    const isStream = queue === 'log';
    const args = deadLetters ? [string('x-dead-letter-exchange', 'graves')] : [];
    if (isStream) args.push(string('x-queue-type', 'stream'));
    const frame = app.declare(id, queue, args, nowait);
    const done = (): void => this.#ledger.declared(queue, deadLetters, isStream);
    if (nowait) {
      // with the same meaning whichever of them the broker has read
      if (channel.awaits('declare on')) return;
      this.#site.fromApp(`declare ${queue} on ${id}, nowait`, frame);
      this.#ledger.asked(id);
      channel.lastQueue = queue;
      inTurn(channel, done);
      return;
    }
    this.#ask(
      id,
      `declare ${queue} on ${id}`,
      frame,
      () => {
        channel.lastQueue = queue;
        done();
        return [broker.declareOk(id, queue)];
      },
      answered,
    );
  }

  #delete({ channel: id, queue, nowait, answered }: Extract<Operation, { do: 'declare' | 'delete' }>): void {
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const frame = app.delete(id, queue, nowait);
    const done = (): void => this.#ledger.deleted(queue);
    if (nowait) {
      this.#site.fromApp(`delete ${queue} on ${id}, nowait`, frame);
      inTurn(channel, done);
      return;
    }
    const answer = (): Buffer[] => {
      done();
      return [broker.deleteOk(id)];
    };
    this.#ask(id, `delete ${queue} on ${id}`, frame, answer, answered);
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
    if (channel === undefined) return;
    const queue = this.#queueMeant(channel, operation.queue);
    if (queue === undefined) return;
    const isUnheardOf = nowait && operation.tag === '';
    // of two, nobody could say whose the first delivery is
    if (isUnheardOf && this.#consumers.some((each) => each.channel === id && each.isUnheardOf)) return;
    const tag = operation.tag || `amq.ctag-${++channel.generated}`;
    const same = this.#consumers.find((each) => each.channel === id && each.tag === tag);
    if (same !== undefined && same.state !== 'leaving' && same.state !== 'dormant') return;
    if (same?.state === 'dormant') this.#consumers = this.#consumers.filter((each) => each !== same);
    const asksForOffset = operation.queue === 'log';
    const progress = { asksForOffset, since: this.#site.micros(), offset: -1, readsQueue: false };
    const serial = ++this.#serial;
    const consumer: Consumer = { channel: id, tag, queue, noAck, serial, ...progress, state: 'asked', isUnheardOf };
    const args = asksForOffset ? [string('x-stream-offset', 'first')] : [];
    const frame = app.consume(id, operation.queue, operation.tag, noAck, nowait, args);
    const what = `consume ${operation.queue} on ${id} as '${operation.tag}'${noAck ? ', no-ack' : ''}`;
    if (nowait) {
      // the broker has read the cancel
      this.#consumers = this.#consumers.filter((each) => each !== same);
      this.#site.fromApp(`${what}, nowait`, frame);
      this.#ledger.asked(id);
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
        consumer.since = this.#site.micros();
        return [broker.consumeOk(id, tag)];
      },
      false,
    );
    this.#consumers.push(consumer);
    if (answered) this.#answer(id);
  }

  #cancel({ pick, nowait, answered }: Extract<Operation, { do: 'cancel' }>): void {
    const consumer = picked(
      this.#consumers.filter(
        ({ channel, state, isUnheardOf }) => state === 'on' && !isUnheardOf && this.#usable(channel),
      ),
      pick,
    );
    if (consumer === undefined) return;
    const { channel: id, tag } = consumer;
    const frame = app.cancel(id, tag, nowait);
    if (nowait) {
      this.#site.fromApp(`cancel ${tag} on ${id}, nowait`, frame);
      this.#ledger.asked(id);
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
      this.#consumers.filter(({ state, isUnheardOf }) => state === 'on' && !isUnheardOf),
      pick,
    );
    if (consumer === undefined) return;
    consumer.state = 'dormant';
    this.#ledger.cancelled(consumer.channel, consumer.serial);
    this.#site.fromBroker(`cancels ${consumer.tag} on ${consumer.channel}`, [
      broker.cancel(consumer.channel, consumer.tag),
    ]);
  }

  // ---- messages

  #deliver({ messages, pieces }: Extract<Operation, { do: 'deliver' }>): void {
    const consumers = this.#consumers.filter(({ state }) => state !== 'asked');
    if (consumers.length === 0) return;
    const all: Buffer[][] = [];
    const deliveries: Delivery[] = [];
    const taken = new Set<number>();
    for (const { to: whom, message } of messages) {
      const consumer = picked(consumers, whom) as Consumer;
      const { channel: id, tag, queue, noAck, serial } = consumer;
      // frames of one channel's messages cannot mix
      if (pieces === 'woven' && taken.has(id)) continue;
      taken.add(id);
      consumer.isUnheardOf = false;
      const to = { id, via: 'deliver', consumerTag: tag, consumer: serial, queue, noAck, reader: consumer } as const;
      const made = this.#message(to, message);
      all.push(made.frames);
      deliveries.push(made.delivery);
    }
    for (const delivery of deliveries) this.#ledger.delivered(delivery);
    const frames = pieces === 'woven' ? woven(all) : all.flat();
    this.#site.fromBroker(`delivers, ${pieces}, ${deliveries.map(described).join('; ')}`, frames, pieces === 'crumbs');
  }

  #message(
    to: Pick<Delivery, 'via' | 'consumerTag' | 'consumer' | 'queue' | 'noAck'> & { id: number; reader?: Consumer },
    message: Message,
  ): { frames: Buffer[]; delivery: Delivery } {
    const channel = this.#channels.get(to.id) as Channel;
    const serial = ++this.#serial;
    const { exchange, routingKey, redelivered, size, context, named } = message;
    const sampled = this.#settings.sampler === 'always_on' || context === 'sampled';
    const own = context === 'none' ? '' : traceIdOf(serial);
    const { id, reader, ...rest } = to;
    const micros = this.#site.micros();
    const { stamp, death } = stampOf(message, micros);
    const age = stamp === undefined ? undefined : (micros - stamp) / 1e6;
    const diedBefore = stamp !== undefined && death?.died === 'before';
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
      death: diedBefore ? undefined : death,
      stream: reader === undefined ? 'no' : this.#readsStream(reader, message, stamp),
      at: this.#ledger.now,
    };
    return { frames: framesOf(delivery, message, serial, micros), delivery };
  }

  /** A stream's messages all have an offset, none of them is redelivered, and nobody reads them without acknowledgements. */
  #readsStream(consumer: Consumer, { redelivered, offset }: Message, stamp: number | undefined): Delivery['stream'] {
    if (consumer.noAck || redelivered) return 'no';
    if (offset === undefined) {
      consumer.readsQueue = true;
      return 'no';
    }
    const isStream = this.#ledger.isStream(consumer.queue) ?? !consumer.readsQueue;
    if (!consumer.asksForOffset && !isStream) return 'no';
    if (offset <= consumer.offset) return 'old';
    consumer.offset = offset;
    return stamp !== undefined && stamp > consumer.since ? 'new' : 'old';
  }

  #get(operation: Extract<Operation, { do: 'get' }>): void {
    const { channel: id, noAck, found, answered } = operation;
    const channel = this.#usable(id);
    if (channel === undefined) return;
    const queue = this.#queueMeant(channel, operation.queue);
    if (queue === undefined) return;
    const answer = (): Buffer[] => {
      if (found === undefined) return [broker.getEmpty(id)];
      const { frames, delivery } = this.#message({ id, via: 'get', consumerTag: '', consumer: 0, queue, noAck }, found);
      this.#site.log.push(`  (${described(delivery)})`);
      this.#ledger.delivered(delivery);
      return frames;
    };
    const what = `get from ${operation.queue} on ${id}${noAck ? ', no-ack' : ''}`;
    this.#ask(id, what, app.get(id, operation.queue, noAck), answer, answered);
  }

  #settle(list: Settlement[]): void {
    const frames: Buffer[] = [];
    const said: string[] = [];
    /** channels on which one of them is of a tag that is not open: the method of that one, and what waits since */
    const illegal = new Map<number, { methodId: number; waiting: (() => void)[] }>();
    for (const settlement of list) {
      const { how, channel: pick, requeue } = settlement;
      const ids = [...this.#channels.keys()].filter((id) => this.#maySettle(id));
      const id = picked(ids, pick);
      if (id === undefined) continue;
      const channel = this.#channels.get(id) as Channel;
      const tags = this.#ledger.unsettled(id);
      const meant = this.#tagsMeant(settlement, channel, tags);
      if (meant === undefined) continue;
      const { tag, multiple } = meant;
      if (how === 'ack') frames.push(app.ack(id, tag, multiple));
      else if (how === 'nack') frames.push(app.nack(id, tag, multiple, requeue));
      else frames.push(app.reject(id, tag, requeue));
      said.push(`${how} ${id}/${tag}${multiple ? ' multiple' : ''}${how !== 'ack' && requeue ? ' requeue' : ''}`);
      if (!(multiple && tag === 0) && !tags.includes(tag) && !illegal.has(id)) {
        illegal.set(id, { methodId: { ack: 80, reject: 90, nack: 120 }[how], waiting: [] });
      }
      const settle = (): void => {
        this.#ledger.settles(id, how, tag, multiple, requeue, channel.transactional);
        channel.settled.push(...tags.filter((each) => (multiple ? tag === 0 || each <= tag : each === tag)));
      };
      const after = illegal.get(id);
      if (after === undefined) settle();
      else after.waiting.push(settle);
    }
    if (frames.length > 0) this.#site.fromApp(said.join(', '), ...frames);
    for (const [id, { methodId, waiting }] of illegal) this.#refuse(id, methodId, waiting);
  }

  /** Which tag a settlement names; undefined: there is none such. */
  #tagsMeant(
    { how, pick, what }: Settlement,
    channel: Channel,
    tags: number[],
  ): { tag: number; multiple: boolean } | undefined {
    const multiple = (what === 'up to' || what === 'all') && how !== 'reject';
    if (what === 'none') return { tag: 0, multiple: false };
    // before an answer to basic.get, the next tag may be the one that it brings: no app guesses tags
    if (what === 'unknown' && channel.requests.some(({ name }) => name.startsWith('get'))) return undefined;
    if (what === 'unknown') return { tag: channel.tag + 1 + pick, multiple: how !== 'reject' && pick % 2 === 0 };
    if (multiple && what === 'all') return { tag: 0, multiple };
    const tag = picked(what === 'again' ? channel.settled : tags, pick);
    return tag === undefined ? undefined : { tag, multiple };
  }

  /** The app named a tag that is not open; what it said on the channel since waits. */
  #refuse(id: number, methodId: number, waiting: (() => void)[]): void {
    // it read these before, and what they say is no sign of what it thinks of the tag
    this.#answer(id);
    if (this.#settings.broker === 'tolerant') {
      const answer = (): Buffer[] => {
        for (const settle of waiting) settle();
        return [broker.qosOk(id)];
      };
      this.#ask(id, `qos on ${id}`, app.qos(id), answer, true);
      return;
    }
    this.#site.fromApp(`qos on ${id}, which won't be read`, app.qos(id));
    this.#channelGone(id);
    this.#site.fromBroker(`refuses a tag on ${id}`, [broker.refuses(id, methodId)]);
    this.#site.fromApp(`channel ${id} is closed`, app.channelCloseOk(id));
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
      this.#site.fromApp(`recover-async on ${id}`, app.recover(id, true));
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
    this.#ledger.crossed(id);
    this.#channelGone(id);
    this.#site.fromBroker(`closes channel ${id}`, [broker.channelClose(id)]);
    // sent before the app read of it
    if (late !== undefined && tag !== undefined) {
      const frame = late === 'ack' ? app.ack(id, tag, true) : app.nack(id, tag, false, false);
      this.#site.fromApp(`(too late) ${late} ${id}/${tag}`, frame);
    }
    this.#site.fromApp(`channel ${id} is closed`, app.channelCloseOk(id));
  }

  /** The connection ends, with what still comes while one side is gone already. */
  async finish(how: Ending, after: Operation[]): Promise<void> {
    const whileEnding = (): void => {
      for (const each of after) this.#perform(each);
    };
    if (how === 'app closes') {
      this.#site.fromApp('connection.close', app.close);
      whileEnding();
      this.#channelsGone();
      this.#site.fromBroker('connection.close-ok', [broker.closeOk]);
    } else if (how === 'broker closes') {
      this.#channelsGone();
      this.#site.fromBroker('connection.close', [broker.close]);
      this.#site.fromApp('connection.close-ok', app.closeOk);
    } else if (how === 'app ends, then cut') {
      this.#site.log.push('app: FIN');
      this.#site.appEnds();
      whileEnding();
    }
    this.#site.compareTold();
    this.#site.log.push(how === 'broker cut' ? 'the broker is gone' : 'the app is gone');
    if (how === 'broker cut') {
      this.#site.gone('broker', true);
      this.#site.gone('app', false);
    } else {
      this.#site.gone('app', how === 'app cut');
      if (how === 'app cut') whileEnding();
      this.#site.gone('broker', false);
    }
    this.#ledger.connectionGone(how === 'app cut' || how === 'app ends, then cut');
    this.#site.compareTold();
    await this.#site.look();
  }

  #channelsGone(): void {
    for (const id of this.#channels.keys()) this.#ledger.channelEnded(id, 'connection_closed');
    this.#channels.clear();
    this.#consumers = [];
  }
}

/** Done when the broker has answered what it was asked before, if anything. */
function inTurn(channel: Channel, done: () => void): void {
  const last = channel.requests.at(-1);
  if (last === undefined) done();
  else last.behind.push(done);
}

const picked = <T>(list: readonly T[], pick: number): T | undefined => list[pick % list.length];

/** A frame of each in turn. */
function woven(all: Buffer[][]): Buffer[] {
  const longest = Math.max(...all.map((frames) => frames.length));
  return Array.from({ length: longest }, (_, i) => all.flatMap((frames) => frames.slice(i, i + 1))).flat();
}

function described(delivery: Delivery): string {
  const { channel, tag, consumerTag, queue, exchange, routingKey, size, redelivered, age, death, stream, sampled } =
    delivery;
  const words = [
    `${channel}/${tag}`,
    `'${exchange}' ${routingKey} from ${queue}`,
    consumerTag && `to ${consumerTag}`,
    `${size} B`,
    redelivered && 'redelivered',
    age !== undefined && `${age} s old`,
    stream !== 'no' && `${stream} of a stream`,
    death !== undefined && `dead of ${death.queue} ${death.reason}`,
    sampled && 'sampled',
  ];
  return words.filter(Boolean).join(' ');
}
