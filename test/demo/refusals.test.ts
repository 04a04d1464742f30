import { describe, expect, test } from 'vitest';
import { request } from '../../testing/raw-client.ts';
import {
  bits,
  body,
  type Entry,
  encodeHeader,
  entry,
  header,
  method,
  short,
  string,
  table,
  u16,
  u32,
} from '../../testing/wire.ts';
import {
  ack,
  basicGet,
  bind,
  bindExchange,
  bothBrokers,
  cancel,
  consume,
  declareExchange,
  declareQueue,
  deleteExchange,
  deleteQueue,
  nack,
  publish,
  purge,
  qos,
  queuePassive,
  recover,
  reject,
  type Site,
  unbind,
  Witness,
} from './both-brokers.ts';

// Whatever a client does wrong, the demo's broker tells it in the same bytes as RabbitMQ: which frame, code, text, method.

const { sites, isRabbitMQ4 } = bothBrokers();

const int = (key: string, value: number): Entry => entry(key, 'I', u32(value >>> 0));
const content = (properties: { expiration?: string; userId?: string }) => {
  const { expiration, userId } = properties;
  const flags = (expiration === undefined ? 0 : 0x0100) | (userId === undefined ? 0 : 0x0010);
  const after = Buffer.concat([expiration, userId].filter((each) => each !== undefined).map((each) => short(each)));
  return encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: 0n,
    flags: [flags],
    before: Buffer.alloc(0),
    entries: undefined,
    after,
  });
};
const publishMethod = (exchange: string, key: string, immediate = false) =>
  method(1, 60, 40, u16(0), short(exchange), short(key), bits(false, immediate));

/** What is sent at once; what is left behind has a name of its own for each case. */
const CASES: Record<string, (name: string) => Buffer[]> = {
  'a queue that is not there, passively': (name) => [queuePassive(name)],
  'a queue redeclared durable': (name) => [declareQueue(name), declareQueue(name, [], ['durable'])],
  'a queue redeclared auto-delete': (name) => [declareQueue(name), declareQueue(name, [], ['autoDelete'])],
  'a queue redeclared exclusive': (name) => [declareQueue(name), declareQueue(name, [], ['exclusive'])],
  'a queue redeclared with a time to live': (name) => [
    declareQueue(name),
    declareQueue(name, [int('x-message-ttl', 9)]),
  ],
  'a queue redeclared without its time to live': (name) => [
    declareQueue(name, [int('x-message-ttl', 9)]),
    declareQueue(name),
  ],
  'a queue redeclared with another time to live': (name) => [
    declareQueue(name, [int('x-message-ttl', 9)]),
    declareQueue(name, [int('x-message-ttl', 10)]),
  ],
  'a queue redeclared with the same arguments': (name) => [
    declareQueue(name, [int('x-message-ttl', 9), string('x-other', 'any')]),
    declareQueue(name, [int('x-message-ttl', 9)]),
  ],
  'a queue redeclared with another overflow': (name) => [
    declareQueue(name, [int('x-max-length', 9), string('x-overflow', 'reject-publish')]),
    declareQueue(name, [int('x-max-length', 9)]),
  ],
  'a reserved queue name': () => [declareQueue('amq.mine')],
  'a negative time to live': (name) => [declareQueue(name, [int('x-message-ttl', -1)])],
  'a time to live that is text': (name) => [declareQueue(name, [string('x-message-ttl', '9')])],
  'a queue that expires at once': (name) => [declareQueue(name, [int('x-expires', 0)])],
  'a negative length': (name) => [declareQueue(name, [int('x-max-length', -2)])],
  'an overflow that is none': (name) => [declareQueue(name, [string('x-overflow', 'spill')])],
  'a dead-letter key without an exchange': (name) => [declareQueue(name, [string('x-dead-letter-routing-key', 'k')])],
  'a dead-letter exchange that is a number': (name) => [declareQueue(name, [int('x-dead-letter-exchange', 1)])],
  'a queue with messages and a consumer, deleted if unused': (name) => [
    declareQueue(name),
    consume(name, 't'),
    deleteQueue(name, true),
  ],
  'a queue that is not there, deleted': (name) => [deleteQueue(name)],
  'a queue that is not there, purged': (name) => [purge(name)],
  'the last queue where none was declared': () => [purge('')],
  'a queue that is not there, consumed': (name) => [consume(name, 't')],
  'a queue that is not there, asked': (name) => [basicGet(name)],
  'a consumer tag used twice': (name) => [declareQueue(name), consume(name, 't'), consume(name, 't')],
  'a consumer beside an exclusive one': (name) => [
    declareQueue(name),
    consume(name, 't', { exclusive: true }),
    consume(name, 'u'),
  ],
  'an exclusive consumer beside another': (name) => [
    declareQueue(name),
    consume(name, 't'),
    consume(name, 'u', { exclusive: true }),
  ],
  'a consumer that is not there, cancelled': () => [cancel('nobody')],
  'an exchange that is not there, passively': (name) => [
    method(1, 40, 10, u16(0), short(name), short('direct'), bits(true), table([])),
  ],
  'an exchange redeclared of another type': (name) => [declareExchange(name, 'direct'), declareExchange(name, 'topic')],
  'an exchange redeclared durable': (name) => [
    declareExchange(name, 'direct'),
    declareExchange(name, 'direct', [], ['durable']),
  ],
  'an exchange redeclared auto-delete': (name) => [
    declareExchange(name, 'direct'),
    declareExchange(name, 'direct', [], ['autoDelete']),
  ],
  'an exchange redeclared internal': (name) => [
    declareExchange(name, 'direct'),
    declareExchange(name, 'direct', [], ['internal']),
  ],
  'an exchange redeclared with an alternate': (name) => [
    declareExchange(name, 'direct'),
    declareExchange(name, 'direct', [string('alternate-exchange', 'other')]),
  ],
  'an exchange of an unknown type': (name) => [declareExchange(name, 'x-unknown')],
  'a reserved exchange name': () => [declareExchange('amq.mine', 'direct')],
  'the default exchange, declared': () => [declareExchange('', 'direct')],
  'the default exchange, deleted': () => [deleteExchange('')],
  'the default exchange, bound': (name) => [declareQueue(name), bind(name, '', 'k')],
  'an exchange of the broker, deleted': () => [deleteExchange('amq.topic')],
  'an exchange in use, deleted if unused': (name) => [
    declareExchange(name, 'fanout'),
    declareQueue(name),
    bind(name, name, ''),
    deleteExchange(name, true),
  ],
  'an exchange that is not there, deleted': (name) => [deleteExchange(name)],
  'a queue bound to an exchange that is not there': (name) => [declareQueue(name), bind(name, `${name}-x`, 'k')],
  'a queue that is not there, bound': (name) => [bind(name, 'amq.direct', 'k')],
  'exchanges that are not there, bound': (name) => [bindExchange(name, `${name}-x`, 'k')],
  'a binding that is not there, unbound': (name) => [declareQueue(name), unbind(name, 'amq.direct', 'k')],
  'a queue that is not there, unbound': (name) => [unbind(name, 'amq.direct', 'k')],
  'a publish to an exchange that is not there': (name) => [publish(1, { exchange: name, key: 'k' })],
  'a publish to an internal exchange': (name) => [
    declareExchange(name, 'fanout', [], ['internal']),
    publish(1, { exchange: name, key: 'k' }),
  ],
  'an immediate publish': () => [publish(1, { exchange: '', key: 'k', immediate: true })],
  "somebody else's user id": () => [Buffer.concat([publishMethod('', 'k'), content({ userId: 'other' })])],
  'an expiration that is no number': () => [Buffer.concat([publishMethod('', 'k'), content({ expiration: 'soon' })])],
  'a negative expiration': () => [Buffer.concat([publishMethod('', 'k'), content({ expiration: '-1' })])],
  'an answer asked for that nobody consumes': () => [
    Buffer.concat([
      publishMethod('', 'k'),
      encodeHeader({
        channel: 1,
        classId: 60,
        weight: 0,
        bodySize: 0n,
        flags: [0x0200],
        before: Buffer.alloc(0),
        entries: undefined,
        after: short('amq.rabbitmq.reply-to'),
      }),
    ]),
  ],
  'answers consumed with acks': () => [consume('amq.rabbitmq.reply-to', 't')],
  'answers consumed twice': () => [
    consume('amq.rabbitmq.reply-to', 't', { noAck: true }),
    consume('amq.rabbitmq.reply-to', 'u', { noAck: true }),
  ],
  'an unknown tag, acked': () => [ack(7)],
  'an unknown tag, acked with all before it': () => [ack(7, true)],
  'no tag at all, acked': () => [ack(0)],
  'all that is open, acked, where nothing is': () => [ack(0, true)],
  'an unknown tag, nacked': () => [nack(7)],
  'an unknown tag, rejected': () => [reject(7)],
  'recovery without requeue': () => [recover(false)],
  'a prefetch in bytes': () => [qos(0, false, 9)],
  'a commit without a transaction': () => [request.txCommit(1)],
  'a rollback without a transaction': () => [request.txRollback(1)],
  'confirms on a transactional channel': () => [request.txSelect(1), request.confirmSelect(1)],
  'a transaction on a confirming channel': () => [request.confirmSelect(1), request.txSelect(1)],
  'flow stopped': () => [method(1, 20, 20, bits(false))],
  'flow started': () => [method(1, 20, 20, bits(true))],
  'a channel opened twice': () => [request.openChannel(1)],
  'a method on a channel that is not open': () => [method(9, 50, 30, u16(0), short('q'), bits(false))],
  'a channel beyond the limit': () => [request.openChannel(3000)],
  'a header without a publish': () => [header(1, 0)],
  'a body without a publish': () => [body(1, Buffer.from('x'))],
  'a method within a content': () => [Buffer.concat([publishMethod('', 'k'), queuePassive('q')])],
  'a second header': () => [Buffer.concat([publishMethod('', 'k'), header(1, 3), header(1, 3)])],
  'a method of the server': () => [method(1, 60, 21, short('t'))],
  'arguments that are cut short': () => [method(1, 50, 30, u16(0))],
  'an expiration with more behind it': () => [
    Buffer.concat([Buffer.concat([publishMethod('', 'k'), content({ expiration: '10ms' })])]),
  ],
  'a queue redeclared with another dead-letter exchange': (name) => [
    declareQueue(name, [string('x-dead-letter-exchange', 'a')]),
    declareQueue(name, [string('x-dead-letter-exchange', 'b')]),
  ],
};

/** What RabbitMQ 4 says instead; the demo's broker speaks as RabbitMQ 3 does. */
const SINCE_4: Record<string, string> = {
  'an exchange of an unknown type': "PRECONDITION_FAILED - unknown exchange type 'x-unknown'",
};

describe('refused alike', () => {
  test.concurrent.each(Object.entries(CASES))('%s', async (title, requests) => {
    const name = title.replaceAll(' ', '-');
    const told = async (site: Site) => {
      const witness = await Witness.open(site);
      const said: string[][] = [];
      for (const each of requests(name)) said.push(await witness.told(each));
      witness.client.socket.destroy();
      return said;
    };
    const [demos, rabbits] = await Promise.all([told(sites.demo), told(sites.rabbitmq)]);
    if ((await isRabbitMQ4()) && title in SINCE_4) expect(rabbits.flat().at(-1)).toContain(SINCE_4[title]);
    else expect(demos).toEqual(rabbits);
  });
});
