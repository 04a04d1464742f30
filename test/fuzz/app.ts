import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { bits, body, header, method, short, string, table, u16, u32, u64 } from '../../testing/wire.ts';
import type { Ledger, Name } from './ledger.ts';
import type { Action } from './operations.ts';

interface Delivery {
  tag: number;
  body: string;
}

/** One channel as its app knows it. */
class Channel {
  isOpen = true;
  isTx = false;
  unsettled: Delivery[] = [];
  settled: number[] = [];
  /** consumers by tag: whether the broker settles for them */
  readonly consumers = new Map<string, boolean>();
  /** noAck of what was asked for and not yet answered, oldest first */
  readonly gets: boolean[] = [];
  readonly consumes: boolean[] = [];
  /** publishes since the last commit, and those whose commit is not yet answered */
  uncommitted: Name[] = [];
  committing: Name[][] = [];
  /** publishes of which is not known yet whether the broker has read them: something may have closed the channel before */
  unsure: Name[] = [];
  /** a message that comes: its tag if it is to be settled, its body so far and what is missing of it */
  coming: { tag: number; noAck: boolean; isReturn: boolean; text: string; missing: number } | undefined;
  isQosOk = false;

  /** It consumes without acknowledgements, or will: an answer to a later request may come before that to basic.consume. */
  get isAutoAcked(): boolean {
    return this.consumes.includes(true) || [...this.consumers.values()].includes(true);
  }
}

/** An app that says legal and illegal things, and keeps in its ledger what it sent and got. */
export class App {
  readonly #client: RawClient;
  readonly #ledger: Ledger;
  readonly #channels = new Map<number, Channel>();
  readonly #touched = new Set<number>();
  isOpen = true;

  private constructor(client: RawClient, ledger: Ledger) {
    this.#client = client;
    this.#ledger = ledger;
  }

  static async open(port: number, vhost: string, ledger: Ledger): Promise<App> {
    const properties = [string('product', ledger.run), string('connection_name', ledger.run)];
    return new App(await RawClient.open({ port, vhost, properties }, 0), ledger);
  }

  /** Does it on a channel, which is opened first if need be, and sees what comes of it unless in a hurry. */
  async perform(number: number, action: Action, hurry: boolean): Promise<void> {
    if (!this.#channels.get(number)?.isOpen) {
      this.#send(number, request.openChannel(number));
      this.#channels.set(number, new Channel());
      await this.settle();
      if (!this.isOpen) return;
    }
    await this.#act(number, this.#channels.get(number) as Channel, action);
    if (!hurry) await this.settle();
  }

  /** Waits until the broker has done all that was sent, by a request on every channel that has something on its way. */
  async settle(): Promise<void> {
    for (const number of this.#touched) {
      const channel = this.#channels.get(number);
      if (!this.isOpen || !channel?.isOpen) continue;
      channel.isQosOk = false;
      this.#client.send(method(number, 60, 10, u32(0), u16(0), bits(false)));
      while (this.isOpen && channel.isOpen && !channel.isQosOk) this.#take(await this.#next());
    }
    for (const channel of this.#channels.values()) {
      for (const queue of channel.unsure.splice(0)) this.#ledger.published(queue, channel.isOpen);
    }
    this.#touched.clear();
  }

  /** Whether this channel is open. */
  has(number: number): boolean {
    return this.isOpen && this.#channels.get(number)?.isOpen === true;
  }

  /** Whatever it was doing: the next run must not meet it. */
  drop(): void {
    this.#client.socket.destroy();
  }

  /** In order, and reads on until the broker has answered. */
  async close(): Promise<void> {
    await this.settle();
    if (this.isOpen) this.#client.send(request.closeConnection());
    while (this.isOpen) this.#take(await this.#next());
    this.#client.socket.destroy();
  }

  async cut(): Promise<void> {
    await this.settle();
    // what was on its way to it then, nobody knows
    if (this.#isAutoAcked) return this.close();
    this.isOpen = false;
    this.#client.socket.resetAndDestroy();
  }

  get #isAutoAcked(): boolean {
    return [...this.#channels.values()].some(({ isAutoAcked }) => isAutoAcked);
  }

  async #act(number: number, channel: Channel, action: Action): Promise<void> {
    const { nameOf } = this.#ledger;
    switch (action.do) {
      case 'publish':
        this.#publish(number, channel, action.to, action.count, action.mandatory);
        break;
      case 'confirm':
        this.#send(number, request.confirmSelect(number, action.nowait));
        break;
      case 'tx':
        this.#transact(number, channel, action.what);
        break;
      case 'consume': {
        const { queue, tag, noAck, nowait } = action;
        // of two whose name nobody knows it could not be told which one a message is for
        if (channel.consumers.has(tag)) return;
        const flags = bits(false, noAck, false, nowait);
        this.#send(number, method(number, 60, 20, u16(0), short(nameOf(queue)), short(tag), flags, table([])));
        if (nowait) channel.consumers.set(tag, noAck);
        else channel.consumes.push(noAck);
        break;
      }
      case 'cancel': {
        const tag = [...channel.consumers.keys()][action.pick % channel.consumers.size];
        if (tag === undefined) return;
        this.#send(number, method(number, 60, 30, short(tag), bits(action.nowait)));
        break;
      }
      case 'get':
        channel.gets.push(action.noAck);
        this.#send(number, method(number, 60, 70, u16(0), short(nameOf(action.queue)), bits(action.noAck)));
        break;
      case 'settle':
        this.#settleOne(number, channel, action);
        break;
      case 'recover':
        this.#send(number, method(number, 60, 110, bits(true)));
        channel.unsettled = [];
        break;
      case 'close':
        await this.#closeChannel(number, channel, action.reopen);
        break;
      case 'purge':
        this.#send(number, method(number, 50, 30, u16(0), short(nameOf('c')), bits(false)));
        break;
      case 'delete':
        this.#send(number, method(number, 50, 40, u16(0), short(nameOf('c')), bits(false, false, false)));
        break;
      case 'declare':
        this.#send(number, request.declare(number, nameOf('c')));
        break;
      case 'refused':
        this.#publishRefused(number, channel, action.by);
        break;
      case 'broken':
        this.#break(number, channel, action.how);
        break;
      case 'disconnect':
        await this.close();
        break;
      case 'cut':
        await this.cut();
        break;
    }
  }

  #publish(number: number, channel: Channel, to: Name, count: number, mandatory: boolean): void {
    const messages = Array.from({ length: count }, () =>
      publish(number, { exchange: '', key: this.#ledger.nameOf(to), body: this.#ledger.newBody(to), mandatory }),
    );
    this.#sent(channel, to, count);
    this.#send(number, ...messages);
  }

  #sent(channel: Channel, to: Name, count: number): void {
    for (let i = 0; i < count; i++) {
      if (channel.isTx) channel.uncommitted.push(to);
      // nothing could have closed the channel before
      else if (this.#touched.size === 0) this.#ledger.published(to, true);
      else channel.unsure.push(to);
    }
  }

  #transact(number: number, channel: Channel, what: 'select' | 'commit' | 'rollback'): void {
    if (what === 'select') {
      this.#send(number, request.txSelect(number));
      channel.isTx = true;
    } else if (what === 'commit') {
      this.#send(number, request.txCommit(number));
      channel.committing.push(channel.uncommitted.splice(0));
    } else {
      this.#send(number, request.txRollback(number));
      channel.uncommitted = [];
    }
  }

  #settleOne(number: number, channel: Channel, { how, pick, multiple, requeue, again }: Action & { do: 'settle' }) {
    const choice = again ? channel.settled : channel.unsettled.map(({ tag }) => tag);
    const tag = choice[pick % choice.length];
    if (tag === undefined) return;
    const all = multiple && how !== 'reject';
    const settlements = {
      ack: () => method(number, 60, 80, u64(tag), bits(all)),
      nack: () => method(number, 60, 120, u64(tag), bits(all, requeue)),
      reject: () => method(number, 60, 90, u64(tag), bits(requeue)),
    };
    this.#send(number, settlements[how]());
    const isMeant = (each: Delivery) => each.tag === tag || (all && each.tag < tag);
    channel.settled.push(...channel.unsettled.filter(isMeant).map((each) => each.tag));
    channel.unsettled = channel.unsettled.filter((each) => !isMeant(each));
  }

  async #closeChannel(number: number, channel: Channel, reopen: boolean): Promise<void> {
    await this.settle();
    if (!this.isOpen || !channel.isOpen) return;
    this.#client.send(request.closeChannel(number));
    while (this.isOpen && channel.isOpen) this.#take(await this.#next());
    if (!reopen || !this.isOpen) return;
    this.#channels.set(number, new Channel());
    this.#send(number, request.openChannel(number));
  }

  #publishRefused(number: number, channel: Channel, by: (Action & { do: 'refused' })['by']): void {
    const to = by === 'no exchange' ? 'gone' : 'a';
    const bytes = this.#ledger.newBody(to);
    const key = this.#ledger.nameOf(to);
    this.#sent(channel, to, 1);
    if (by === 'no exchange') this.#send(number, publish(number, { exchange: key, key: 'x', body: bytes }));
    else if (by === 'immediate') {
      this.#send(number, publish(number, { exchange: '', key, body: bytes, immediate: true }));
    } else {
      const head = header(number, bytes.length);
      const property = by === 'expiration' ? { flag: 0x0100, value: 'soon' } : { flag: 0x0010, value: 'nobody' };
      const payload = Buffer.concat([head.subarray(7, -1), short(property.value)]);
      payload.writeUInt16BE(property.flag, 12);
      const start = Buffer.concat([head.subarray(0, 3), u32(payload.length), payload, Buffer.of(0xce)]);
      const call = method(number, 60, 40, u16(0), short(''), short(key), bits(false, false));
      this.#send(number, call, start, body(number, Buffer.from(bytes)));
    }
  }

  #break(number: number, channel: Channel, how: (Action & { do: 'broken' })['how']): void {
    const { nameOf } = this.#ledger;
    if (how === 'unopened channel') this.#send(9, publish(9, { exchange: '', key: nameOf('a'), body: 'unheard' }));
    if (how === 'bogus tag') this.#send(number, method(number, 60, 80, u64(4711), bits(false)));
    if (how === 'reused tag') {
      const [tag] = channel.consumers.keys();
      if (tag !== undefined) this.#send(number, request.consume(number, nameOf('a'), tag));
    }
    if (how === 'other declaration') this.#send(number, request.declare(number, nameOf('b')));
    if (how === 'no queue') this.#send(number, request.consume(number, nameOf('none'), 'nobody'));
  }

  #send(number: number, ...frames: Buffer[]): void {
    this.#touched.add(number);
    this.#client.send(...frames);
    if (number === 9) this.#touched.add(1);
  }

  async #next(): Promise<Buffer> {
    const { socket, frames } = this.#client;
    while (frames.length === 0) {
      if (this.#client.ended) throw new Error('the connection ended without a close');
      await new Promise<void>((resolve, reject) => {
        const timeout = setTimeout(() => reject(new Error('no frame came for 30 s')), 30_000);
        const done = () => {
          clearTimeout(timeout);
          socket.off('data', done).off('close', done);
          resolve();
        };
        socket.on('data', done).on('close', done);
      });
    }
    return frames.shift() as Buffer;
  }

  #take(bytes: Buffer): void {
    const number = bytes.readUInt16BE(1);
    const channel = this.#channels.get(number);
    if (bytes[0] !== 1) {
      if (channel !== undefined) this.#takeContent(channel, bytes);
      return;
    }
    const id = `${bytes.readUInt16BE(7)}.${bytes.readUInt16BE(9)}`;
    if (id === '10.50') this.#client.send(method(0, 10, 51));
    if (id === '10.50' || id === '10.51') {
      this.isOpen = false;
      const channels = [...this.#channels.values()];
      if (this.#isAutoAcked) {
        for (const { body } of channels.flatMap(({ unsettled }) => unsettled)) this.#ledger.mayVanish(body);
      }
      for (const each of channels) this.#channelClosed(each);
    } else if (channel !== undefined) this.#takeMethod(number, channel, id, bytes);
  }

  #takeMethod(number: number, channel: Channel, id: string, bytes: Buffer): void {
    switch (id) {
      case '20.40':
        this.#client.send(method(number, 20, 41));
        this.#channelClosed(channel);
        break;
      case '20.41':
        this.#channelClosed(channel);
        break;
      case '60.11':
        channel.isQosOk = true;
        break;
      case '60.21':
        channel.consumers.set(textAt(bytes, 11), channel.consumes.shift() ?? false);
        break;
      case '60.50':
        channel.coming = { tag: 0, noAck: true, isReturn: true, text: '', missing: 0 };
        break;
      case '60.60': {
        const tag = textAt(bytes, 11);
        const noAck = channel.consumers.get(tag) ?? channel.consumers.get('') ?? false;
        const at = 12 + Buffer.byteLength(tag);
        channel.coming = { tag: Number(bytes.readBigUInt64BE(at)), noAck, isReturn: false, text: '', missing: 0 };
        break;
      }
      case '60.71': {
        const noAck = channel.gets.shift() ?? false;
        channel.coming = { tag: Number(bytes.readBigUInt64BE(11)), noAck, isReturn: false, text: '', missing: 0 };
        break;
      }
      case '60.72':
        channel.gets.shift();
        break;
      case '90.21':
        for (const queue of channel.committing.shift() ?? []) this.#ledger.published(queue, true);
        break;
    }
  }

  #takeContent(channel: Channel, bytes: Buffer): void {
    const { coming } = channel;
    if (coming === undefined) throw new Error('content without a method');
    if (bytes[0] === 2) coming.missing = Number(bytes.readBigUInt64BE(11));
    else {
      coming.text += bytes.toString('latin1', 7, bytes.length - 1);
      coming.missing -= bytes.length - 8;
    }
    if (coming.missing > 0) return;
    channel.coming = undefined;
    if (coming.isReturn) return;
    this.#ledger.saw(coming.text);
    if (!coming.noAck) channel.unsettled.push({ tag: coming.tag, body: coming.text });
  }

  #channelClosed(channel: Channel): void {
    if (channel.isAutoAcked) this.#ledger.mayGo();
    if (!channel.isOpen) return;
    channel.isOpen = false;
    channel.consumers.clear();
    channel.consumes.length = 0;
    channel.unsettled = [];
    // a commit that was not answered, or a select that was refused
    for (const queue of [...channel.committing.flat(), ...channel.uncommitted]) this.#ledger.published(queue, false);
    channel.committing = [];
    channel.uncommitted = [];
  }
}

const textAt = (bytes: Buffer, at: number): string => bytes.toString('latin1', at + 1, at + 1 + bytes[at]);
