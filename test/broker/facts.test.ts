import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nameOf, publish, RawClient, request } from '../../testing/raw-client.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import {
  bits,
  body,
  decodeHeader,
  frame,
  HEADER,
  header,
  isMethod,
  long,
  method,
  short,
  string,
  table,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';

// What docs/broker-facts.md says of RabbitMQ, asked of RabbitMQ itself, without Tracehare. Where a newer broker fails
// one of these, code that hangs on the fact has to be looked at: the page says which.

const FRAME_MAX = 131_072;
const ACK = '60.80';
const RETURN = '60.50';

let vhost: Vhost;
beforeAll(async () => {
  vhost = await createVhost();
});
afterAll(() => vhost?.remove());

const open = (channels?: number) => RawClient.open({ port: vhost.port, vhost: vhost.name }, channels);
const names = (client: RawClient): string[] => client.frames.map(nameOf);
const numberOf = (client: RawClient, name: string): number => names(client).filter((each) => each === name).length;
const qos = method(1, 60, 10, u32(0), u16(1), bits(false));
const acked = (frame: Buffer): bigint => frame.readBigUInt64BE(11);
const settled = (methodId: 80 | 90, tag: number): Buffer => method(1, 60, methodId, u64(tag), bits(false));

/** A queue of its own, and how many messages lie in it once the broker has answered everything before. */
async function queue(client: RawClient): Promise<string> {
  const name = randomUUID();
  await client.call(request.declare(1, name), 50, 11);
  return name;
}
async function stored(name: string): Promise<number> {
  const client = await open();
  const passive = method(1, 50, 10, u16(0), short(name), bits(true), table([]));
  const ok = await client.call(passive, 50, 11);
  await client.close();
  return ok.readUInt32BE(11 + 1 + name.length);
}

/** The code and text of the close that comes next, whatever else comes before it. */
async function closed(client: RawClient, classId: 10 | 20): Promise<string> {
  const methodId = classId === 10 ? 50 : 40;
  const close = await until(() => client.frames.find((each) => isMethod(each, classId, methodId)), 'it is closed');
  return `${close.readUInt16BE(11)} ${close.toString('latin1', 14, 14 + close[13])}`;
}

describe('confirms', () => {
  test('confirms-at-close: a channel that closes loses confirms of what is stored', async () => {
    const client = await open();
    const name = randomUUID();
    await client.call(method(1, 50, 10, u16(0), short(name), bits(false, true), table([])), 50, 11);
    await client.call(request.confirmSelect(1), 85, 11);
    const messages = Array.from({ length: 500 }, () => publish(1, { exchange: '', key: name, persistent: true }));
    client.send(...messages, request.closeChannel(1));
    await until(() => names(client).includes('20.41'), 'the channel is closed');
    const last = client.frames.findLast((each) => isMethod(each, 60, 80));
    expect(last === undefined ? 0n : acked(last)).toBeLessThan(500n);
    await until(async () => (await stored(name)) === 500, 'all are stored');
    await client.close();
  });

  test('confirm-numbers: count from the first publish behind confirm.select; selecting again changes nothing', async () => {
    const client = await open();
    const name = await queue(client);
    client.send(publish(1, { exchange: '', key: name }), publish(1, { exchange: '', key: name }));
    await client.call(request.confirmSelect(1), 85, 11);
    client.send(publish(1, { exchange: '', key: name }));
    expect(acked(await client.take(60, 80))).toBe(1n);
    await client.call(request.confirmSelect(1), 85, 11);
    client.send(publish(1, { exchange: '', key: name }));
    expect(acked(await client.take(60, 80))).toBe(2n);
    await client.close();
  });

  test('confirm-nowait: confirm.select with nowait, right before a publish, has no reply', async () => {
    const client = await open();
    client.send(request.confirmSelect(1, true), publish(1, { exchange: '', key: await queue(client) }));
    expect(acked(await client.take(60, 80))).toBe(1n);
    await client.close();
  });

  test.each([
    ['tx behind confirms', [request.confirmSelect(1), request.txSelect(1)]],
    ['tx behind confirms with nowait', [request.confirmSelect(1, true), request.txSelect(1)]],
    ['confirms behind tx', [request.txSelect(1), request.confirmSelect(1)]],
  ])('tx-or-confirms: %s closes the channel', async (_, requests) => {
    const client = await open();
    client.send(...requests);
    expect(await closed(client, 20)).toMatch(/^406 /);
    await client.close();
  });
});

describe('returns', () => {
  const unroutable = (count: number) =>
    Array.from({ length: count }, () => publish(1, { exchange: '', key: randomUUID(), mandatory: true }));

  test('returns-before-ack: the return of a message comes before its own ack', async () => {
    const client = await open();
    await client.call(request.confirmSelect(1), 85, 11);
    client.send(...unroutable(1));
    await until(() => names(client).includes(ACK), 'it is acked');
    expect(names(client)).toEqual([RETURN, 'header', ACK]);
    await client.close();
  });

  test.each([
    ['basic.qos', qos, '60.11'],
    ['channel.close', request.closeChannel(1), '20.41'],
    ['connection.close', request.closeConnection(), '10.51'],
  ])('returns-before-replies: 500 returns come before the reply to %s', async (_, asked, reply) => {
    const client = await open();
    client.send(...unroutable(500), asked);
    await until(() => names(client).includes(reply), 'the reply comes');
    expect(names(client).indexOf(reply)).toBe(1000); // a method and a header each
    expect(numberOf(client, RETURN)).toBe(500);
    client.socket.destroy();
  });

  test('direct-reply-to: an answer that is mandatory is returned and delivered, and has no delivery tag of its own', async () => {
    const asking = await open();
    await asking.call(request.consume(1, 'amq.rabbitmq.reply-to', '', true), 60, 21);
    const name = await queue(asking);
    const properties = Buffer.concat([u16(60), u16(0), u64(0), u16(0x0200), short('amq.rabbitmq.reply-to')]);
    asking.send(method(1, 60, 40, u16(0), short(''), short(name), bits(false)), frame(HEADER, 1, properties));
    const answering = await open();
    await until(async () => (await stored(name)) === 1, 'the request is there');
    answering.send(method(1, 60, 70, u16(0), short(name), bits(true)));
    await answering.take(60, 71);
    const sent = await answering.next();
    const key = sent.toString('latin1', 7 + 14 + 1, 7 + 14 + 1 + sent[7 + 14]);
    expect(key).toMatch(/^amq\.rabbitmq\.reply-to\./);
    answering.send(publish(1, { exchange: '', key, mandatory: true }));
    await answering.take(60, 50);
    // the next answer, and what comes next out of a queue, have the same delivery tag
    const tags = () =>
      asking.frames
        .filter((each) => isMethod(each, 60, 60))
        .map((deliver) => deliver.readBigUInt64BE(12 + deliver[11]));
    await until(() => tags().length === 1, 'it is delivered');
    answering.send(publish(1, { exchange: '', key }));
    await until(() => tags().length === 2, 'the next answer is delivered');
    asking.send(request.consume(1, name, 'work'));
    answering.send(publish(1, { exchange: '', key: name }));
    await until(() => tags().length === 3, 'what is not an answer is delivered');
    expect(tags()).toEqual([1n, 1n, 1n]);
    await asking.close();
    await answering.close();
  });
});

describe('what closes, and what is discarded behind it', () => {
  test('discarded-behind-an-error: what a channel sends behind its error is not stored, what came before is', async () => {
    const client = await open();
    const name = await queue(client);
    const message = publish(1, { exchange: '', key: name });
    client.send(message, publish(1, { exchange: randomUUID(), key: name }), message);
    expect(await closed(client, 20)).toMatch(/^404 NOT_FOUND - no exchange '/);
    await client.close();
    expect(await stored(name)).toBe(1);
  });

  test('settled-twice: the channel is closed at the second ack, and the acks behind it are discarded', async () => {
    const client = await open();
    const name = await queue(client);
    client.send(...Array.from({ length: 3 }, () => publish(1, { exchange: '', key: name })));
    await client.call(request.consume(1, name, 'c'), 60, 21);
    await until(() => numberOf(client, '60.60') === 3, 'three are delivered');
    client.send(settled(80, 1), settled(80, 1), settled(80, 2), settled(80, 3));
    expect(await closed(client, 20)).toMatch(/^406 PRECONDITION_FAILED - unknown delivery tag 1/);
    await client.close();
    expect(await stored(name)).toBe(2);
  });

  test('whole-content: any other method between a publish and its header closes the connection', async () => {
    const client = await open();
    client.send(method(1, 60, 40, u16(0), short(''), short('q'), bits(false)), qos);
    expect(await closed(client, 10)).toMatch(/^505 /);
    client.socket.destroy();
  });

  test('whole-content: connection.close is taken between two body frames, channel.close is not', async () => {
    const cut = [
      method(1, 60, 40, u16(0), short(''), short('q'), bits(false)),
      header(1, 20),
      body(1, Buffer.alloc(10)),
    ];
    const leaving = await open();
    leaving.send(...cut, request.closeConnection());
    await leaving.take(10, 51);
    leaving.socket.destroy();
    const closing = await open();
    closing.send(...cut, request.closeChannel(1));
    expect(await closed(closing, 10)).toMatch(/^505 /);
    closing.socket.destroy();
  });
});

describe('headers', () => {
  test('header-frame: a content header may be as large as frame_max, and no byte larger', async () => {
    // what is no value: 14 of the header, 4 of the table, and key, type and length
    const padded = (size: number) => [string('pad', 'x'.repeat(size - 14 - 4 - (1 + 3 + 1 + 4)))];
    const fits = await open();
    const name = await queue(fits);
    fits.send(publish(1, { exchange: '', key: name, headers: padded(FRAME_MAX) }));
    await fits.call(qos, 60, 11);
    await fits.close();
    expect(await stored(name)).toBe(1);
    const exceeds = await open();
    exceeds.send(publish(1, { exchange: '', key: name, headers: padded(FRAME_MAX + 1) }));
    expect(await closed(exceeds, 10)).toMatch(/^501 FRAME_ERROR/);
    exceeds.socket.destroy();
  });

  test('duplicate-keys: a table with a key twice is no error; both come out (3.10), or the first alone (4.0)', async () => {
    const client = await open();
    const name = await queue(client);
    client.send(publish(1, { exchange: '', key: name, headers: [string('k', 'first'), string('k', 'second')] }));
    client.send(method(1, 60, 70, u16(0), short(name), bits(true)));
    await client.take(60, 71);
    const { entries } = decodeHeader(await client.next());
    const both = [long('first'), long('second')];
    expect([both, both.slice(0, 1)]).toContainEqual(entries?.map(({ value }) => value));
    await client.close();
  });
});

test('auto-ack-at-the-end: what one channel held may be given to another that ends with it, and is gone', async () => {
  const without = (channel: number, name: string, noAck: boolean) =>
    method(channel, 60, 20, u16(0), short(name), short(''), bits(false, noAck), table([]));
  const isGone = async (): Promise<boolean> => {
    const client = await open(2);
    const name = await queue(client);
    client.send(publish(1, { exchange: '', key: name, body: 'x' }));
    await client.call(without(1, name, false), 60, 21);
    for (const part of ['60.60', 'header', 'body']) expect(nameOf(await client.next())).toBe(part);
    await client.call(without(2, name, true), 60, 21);
    client.send(request.closeConnection());
    await until(() => names(client).includes('10.51'), 'the connection is closed');
    expect(names(client)).not.toContain('60.60');
    return (await stored(name)) === 0;
  };
  await until(isGone, 'one is gone');
});

test('last-queue: an empty queue name means the last queue that was declared on the channel', async () => {
  const client = await open();
  await queue(client);
  const last = await queue(client);
  client.send(publish(1, { exchange: '', key: last, body: 'here' }));
  await client.call(request.consume(1, '', ''), 60, 21);
  await client.take(60, 60);
  await client.close();
});

test('replies-in-order: a consume and a cancel are answered behind what was asked after them, all else in order', async () => {
  const client = await open();
  const name = await queue(client);
  const pairs: [string, Buffer, string[]][] = [
    ['consume', request.consume(1, name, 'one'), ['60.11', '60.21']],
    ['cancel', method(1, 60, 30, short('one'), bits(false)), ['60.11', '60.31']],
    ['get', method(1, 60, 70, u16(0), short(name), bits(false)), ['60.72', '60.11']],
    ['declare', request.declare(1, name), ['50.11', '60.11']],
    ['recover', method(1, 60, 110, bits(true)), ['60.111', '60.11']],
  ];
  for (const [what, asked, expected] of pairs) {
    client.send(Buffer.concat([asked, qos]));
    const answers = [nameOf(await client.next()), nameOf(await client.next())];
    // which comes first is no promise where a queue answers
    if (what === 'consume' || what === 'cancel') answers.sort();
    expect(answers, what).toEqual(expected);
  }
  await client.close();
});

test('deliveries-behind-a-close: a consumer that was not answered is delivered to although the channel was closed', async () => {
  const client = await open();
  const name = await queue(client);
  client.send(publish(1, { exchange: '', key: name, body: 'x' }));
  await until(async () => (await stored(name)) === 1, 'the message is in the queue');
  client.send(Buffer.concat([request.consume(1, name, 'one'), request.consume(1, `not-${name}`, 'two')]));
  await until(() => names(client).includes('60.60'), 'it is delivered');
  expect(names(client).slice(0, 2)).toEqual(['20.40', '60.60']);
});
