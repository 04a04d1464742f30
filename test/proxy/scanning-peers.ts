import { type MethodName, methodKey, methods } from '../../src/amqp/spec.ts';
import { BODY, HEARTBEAT, METHOD, method, short, split, u16, u64 } from '../../testing/wire.ts';
import { encode } from './scanning-frames.ts';

const NAMES = new Map(
  (Object.keys(methods) as MethodName[]).map((name) => [
    methodKey(methods[name].classId, methods[name].methodId),
    name,
  ]),
);
const PUBLISH = methodKey(60, 40);

/** What a broker and an app know of what was written to them, so that they can answer it. */
export class Peers {
  readonly #tags = new Map<number, number>();
  readonly #published = new Map<number, number>();
  readonly #confirmed = new Map<number, number>();
  /** messages that are mandatory, as they go back */
  #returns: Buffer[] = [];
  #brokerOwes: Buffer[] = [];
  #appOwes: Buffer[] = [];
  /** by channel: frames so far, and body bytes still to come; -1: the header is */
  readonly #open = new Map<number, { frames: Buffer[]; left: number }>();

  /** Grows by `step`, as a broker's does; 0 gives the same again. */
  deliveryTag(channel: number, step: number): number {
    const tag = (this.#tags.get(channel) ?? 0) + step;
    this.#tags.set(channel, tag);
    return tag;
  }

  /** basic.ack (80) or basic.nack (120) of the next publish, or of all there are. */
  confirm(channel: number, methodId: number, multiple: boolean): Buffer {
    const published = this.#published.get(channel) ?? 0;
    const tag = multiple ? published : Math.min(published, (this.#confirmed.get(channel) ?? 0) + 1);
    this.#confirmed.set(channel, tag);
    return method(channel, 60, methodId, u64(tag), Buffer.of(multiple ? 1 : 0));
  }

  returns(): Buffer {
    return Buffer.concat(this.#returns.splice(0));
  }

  brokerAnswers(): Buffer {
    return Buffer.concat(this.#brokerOwes.splice(0));
  }

  appAnswers(): Buffer {
    return Buffer.concat(this.#appOwes.splice(0));
  }

  /** Whole frames that the app got. */
  toApp(written: Buffer): void {
    for (const each of split(written).frames) {
      const name = nameOf(each);
      if (name === 'channel.close' || name === 'connection.close') this.#appOwes.push(answerTo(name, each));
    }
  }

  /** Whole frames that the broker got. */
  toBroker(written: Buffer): void {
    for (const each of split(written).frames) this.#take(each);
  }

  #take(each: Buffer): void {
    const channel = each.readUInt16BE(1);
    const message = this.#open.get(channel);
    if (each[0] === METHOD) {
      this.#open.delete(channel);
      const name = nameOf(each);
      if (name === 'basic.publish') this.#publish(channel, each);
      else if (name !== undefined && `${name}-ok` in methods && !isNowait(name, each))
        this.#brokerOwes.push(answerTo(name, each));
    } else if (message !== undefined && each[0] !== HEARTBEAT) {
      message.frames.push(each);
      if (each[0] === BODY) message.left -= each.length - 8;
      else message.left = each.length < 24 ? 0 : Number(each.readBigUInt64BE(11));
      if (message.left > 0) return;
      this.#open.delete(channel);
      this.#returns.push(Buffer.concat(message.frames));
    }
  }

  #publish(channel: number, each: Buffer): void {
    this.#published.set(channel, (this.#published.get(channel) ?? 0) + 1);
    if (each.readUInt32BE(7) !== PUBLISH || (each[each.length - 2] & 1) === 0) return;
    const names = each.subarray(13, -2);
    this.#open.set(channel, { frames: [method(channel, 60, 50, u16(312), short('NO_ROUTE'), names)], left: -1 });
  }
}

const nameOf = (each: Buffer): MethodName | undefined =>
  each[0] === METHOD && each.length >= 12 ? NAMES.get(each.readUInt32BE(7)) : undefined;

/** nowait is the last of the bits, or the only one, of all methods that have it; those are behind the last text. */
function isNowait(name: MethodName, each: Buffer): boolean {
  const bits = Object.entries(methods[name].args).filter(([, type]) => type === 'bit');
  const at = bits.findIndex(([arg]) => arg === 'nowait');
  if (at < 0) return false;
  // the table behind them is empty or one entry long: the octet stands before its size
  const isLast = Object.values(methods[name].args).at(-1) !== 'table';
  const octet = isLast ? each.length - 2 : octetBeforeTable(each);
  return (each[octet] & (1 << at)) !== 0;
}

function octetBeforeTable(each: Buffer): number {
  for (let p = each.length - 5; p > 11; p--) if (p + 4 + each.readUInt32BE(p) === each.length - 1) return p - 1;
  return each.length - 2;
}

function answerTo(name: MethodName, request: Buffer): Buffer {
  const channel = request.readUInt16BE(1);
  if (name === 'basic.get') return method(channel, 60, 72, short(''));
  // the draw chooses the first word: the queue or the consumer tag that requests mostly name
  return encode(`${name}-ok` as MethodName, channel, 0, 0);
}
