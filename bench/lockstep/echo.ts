import type { Socket } from 'node:net';
import { broker as says } from '../../testing/peer-frames.ts';
import { BODY, decodeHeader, entryBytes, HEADER, METHOD } from '../../testing/wire.ts';
import type { TurnLoad } from './loads.ts';
import { type Batch, DELIVERY_TAG_AT, type Sent } from './messages.ts';

/** Behind a frame's type, channel and size: class and method. */
export const METHOD_AT = 7;
export const PUBLISH = (60 << 16) | 40;
export const ACK = (60 << 16) | 80;
const TAG_AT = METHOD_AT + 4;
const OURS = ['traceparent', 'x-tracehare-sent'];
/** more than the largest turn takes */
const ROOM = 1024 * 1024;

/**
 * The broker's side of a channel on which the app's publishes come back as deliveries, all of a turn in one write. What
 * comes must be what the app sent, but for what the proxy may add to it.
 */
export class Echo {
  published = 0;
  acked = 0;
  /** what the turn at hand was answered with */
  answer = Buffer.alloc(0);
  readonly #socket: Socket;
  readonly #out = Buffer.alloc(ROOM);
  #length = 0;
  #settles: TurnLoad['settles'] = 'none';
  /** the proxy adds its headers, and sets `mandatory` */
  #adds = false;
  #messages: Sent[] = [];
  #at = 0;
  /** type of the frame that is due */
  #due = METHOD;
  /** bytes that the proxy added to the first header */
  #added = 0;
  #turns = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  begin(settles: TurnLoad['settles'], adds: boolean): void {
    this.#settles = settles;
    this.#adds = adds;
  }

  /** From now on turns bring these. */
  expect({ messages }: Batch): void {
    this.#messages = messages;
  }

  /** A frame of the app on channel 1; false: it is for somebody else. */
  frame(buf: Buffer, start: number, end: number): boolean {
    const type = buf[start];
    if (type === METHOD && this.#due === METHOD) {
      const method = buf.readUInt32BE(start + METHOD_AT);
      if (method === ACK) this.#settled(buf.readUIntBE(start + TAG_AT + 2, 6), buf[start + TAG_AT + 8] === 1);
      if (method !== PUBLISH) return method === ACK;
    }
    if (type !== this.#due || this.#messages.length === 0) throw new Error(`a frame of type ${type} is out of place`);
    const message = this.#messages[this.#at];
    if (type === METHOD) this.#method(buf, start, end, message);
    else if (type === HEADER) this.#header(buf, start, end, message);
    else this.#body(buf, start, end, message);
    return true;
  }

  #method(buf: Buffer, start: number, end: number, { method, delivery }: Sent): void {
    // `mandatory` may be set
    const bits = end - 2;
    const isSame = isEqual(buf, start, bits, method.subarray(0, -2));
    if (!isSame || (buf[bits] !== method.at(-2) && !(this.#adds && buf[bits] === 1))) throw this.#altered('method');
    delivery.copy(this.#out, this.#length);
    this.#out.writeUIntBE(this.published + 1, this.#length + DELIVERY_TAG_AT + 2, 6);
    this.#length += delivery.length;
    this.#due = HEADER;
  }

  #header(buf: Buffer, start: number, end: number, { header }: Sent): void {
    if (!this.#adds) {
      if (!isEqual(buf, start, end, header)) throw this.#altered('content header');
    } else if (this.published === 0 || this.#at === this.#turns % this.#messages.length) {
      // reading it takes a while: one of each turn
      if (!isOursAdded(buf.subarray(start, end), header)) throw this.#altered('content header');
      this.#added = end - start - header.length;
    } else if (end - start - header.length !== this.#added) throw this.#altered('content header');
    this.#copy(buf, start, end);
    this.#due = BODY;
  }

  #body(buf: Buffer, start: number, end: number, { body }: Sent): void {
    if (!isEqual(buf, start, end, body)) throw this.#altered('body');
    this.#copy(buf, start, end);
    this.#due = METHOD;
    this.published++;
    this.#at++;
    if (this.#at === this.#messages.length) this.#answer();
  }

  #answer(): void {
    if (this.#settles === 'together') this.#confirm(this.published, true);
    if (this.#settles === 'singly') {
      for (let i = this.#at - 1; i >= 0; i--) this.#confirm(this.published - i, false);
    }
    this.answer = this.#out.subarray(0, this.#length);
    this.#socket.write(this.answer);
    this.#length = 0;
    this.#at = 0;
    this.#turns++;
  }

  #confirm(tag: number, multiple: boolean): void {
    const frame = says.ack(tag, multiple);
    this.#copy(frame, 0, frame.length);
  }

  #copy(buf: Buffer, start: number, end: number): void {
    this.#length += buf.copy(this.#out, this.#length, start, end);
  }

  #settled(tag: number, multiple: boolean): void {
    if (tag > this.published || (multiple ? tag <= this.acked : tag !== this.acked + 1)) {
      throw new Error(`the app acknowledged ${tag} behind ${this.acked}, of ${this.published}`);
    }
    this.acked = tag;
  }

  #altered(what: string): Error {
    return new Error(`message ${this.published + 1} came with another ${what} than it was sent with`);
  }
}

const isEqual = (buf: Buffer, start: number, end: number, other: Buffer): boolean =>
  end - start === other.length && buf.compare(other, 0, other.length, start, end) === 0;

/** Both are content headers, alike but for two entries more. */
function isOursAdded(got: Buffer, sent: Buffer): boolean {
  const [its, was] = [decodeHeader(got), decodeHeader(sent)];
  const entries = its.entries ?? [];
  const kept = was.entries ?? [];
  const added = entries.slice(kept.length).map(({ key }) => key.toString());
  return (
    its.bodySize === was.bodySize &&
    its.flags.join() === was.flags.join() &&
    its.before.equals(was.before) &&
    its.after.equals(was.after) &&
    kept.every((entry, i) => entryBytes(entry).equals(entryBytes(entries[i]))) &&
    added.toSorted().join() === OURS.join()
  );
}
