import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import {
  bits,
  type Entry,
  encodeHeader,
  entry,
  long,
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
  withoutDeaths,
} from './both-brokers.ts';

// What happens to messages: the demo's broker and RabbitMQ tell the same story in the same bytes.

const { sites, isRabbitMQ4 } = bothBrokers();

const int = (key: string, value: number): Entry => entry(key, 'I', u32(value >>> 0));
const array = (key: string, ...values: string[]): Entry =>
  entry(key, 'A', long(Buffer.concat(values.map((value) => Buffer.concat([Buffer.from('S'), long(value)])))));
const cancelsAreHeard = [entry('capabilities', 'F', table([entry('consumer_cancel_notify', 't', Buffer.of(1))]))];

/** A publish to a queue with properties behind its headers. */
function publishWith(
  key: string,
  body: string,
  { expiration, priority, headers }: { expiration?: string; priority?: number; headers?: Entry[] },
): Buffer {
  let flags = headers === undefined ? 0 : 0x2000;
  const after: Buffer[] = [];
  if (priority !== undefined) {
    flags |= 0x0800;
    after.push(Buffer.of(priority));
  }
  if (expiration !== undefined) {
    flags |= 0x0100;
    after.push(short(expiration));
  }
  const head = encodeHeader({
    channel: 1,
    classId: 60,
    weight: 0,
    bodySize: BigInt(body.length),
    flags: [flags],
    before: Buffer.alloc(0),
    entries: headers,
    after: Buffer.concat(after),
  });
  const frames = publish(1, { exchange: '', key, body });
  const methodFrame = frames.subarray(0, frames.readUInt32BE(3) + 8);
  const bodyFrame = frames.subarray(frames.length - body.length - 8);
  return Buffer.concat([methodFrame, head, ...(body === '' ? [] : [bodyFrame])]);
}

/** What the story tells; both brokers have to tell it alike. Names of queues are the story's own: `n`. */
const STORIES: Record<string, (witness: Witness, n: string, site: Site) => Promise<unknown>> = {
  async 'a message that lives too long is dead-lettered'(w, n) {
    await w.told(declareQueue(`${n}-grave`));
    const args = [
      int('x-message-ttl', 1),
      string('x-dead-letter-exchange', ''),
      string('x-dead-letter-routing-key', `${n}-grave`),
    ];
    await w.told(declareQueue(n, args));
    await w.told(publish(1, { exchange: '', key: n, body: 'old', headers: [string('b', '1'), string('a', '2')] }));
    return [await w.got(`${n}-grave`), await w.counts(n)];
  },
  async 'an expiration of its own is remembered and taken away'(w, n) {
    await w.told(declareQueue(`${n}-grave`));
    await w.told(
      declareQueue(n, [string('x-dead-letter-exchange', ''), string('x-dead-letter-routing-key', `${n}-grave`)]),
    );
    await w.told(publishWith(n, 'old', { expiration: '1' }));
    return w.got(`${n}-grave`);
  },
  async 'the head that is not due keeps others behind it'(w, n) {
    await w.told(declareQueue(n));
    await w.told(publishWith(n, 'long', { expiration: '600000' }));
    await w.told(publishWith(n, 'short', { expiration: '1' }));
    await w.holds(n, 2);
    await sleep(20);
    const first = await w.got(n);
    await w.holds(n, 0);
    return first;
  },
  async 'a message of no time at all reaches a consumer that waits'(w, n) {
    await w.told(declareQueue(n, [int('x-message-ttl', 0)]));
    await w.told(publish(1, { exchange: '', key: n, body: 'lost' }));
    await w.holds(n, 0);
    await w.told(consume(n, 't'));
    w.client.send(publish(1, { exchange: '', key: n, body: 'caught' }));
    return w.content();
  },
  async 'a rejected message goes to the exchange with its own key'(w, n) {
    await w.told(declareExchange(`${n}-dlx`, 'fanout'));
    await w.told(declareQueue(`${n}-grave`));
    await w.told(bind(`${n}-grave`, `${n}-dlx`, ''));
    await w.told(declareQueue(n, [string('x-dead-letter-exchange', `${n}-dlx`)]));
    await w.told(publish(1, { exchange: '', key: n, body: 'poor' }));
    const got = await w.got(n, false);
    await w.told(reject(1));
    return [got, await w.got(`${n}-grave`)];
  },
  async 'deaths are counted, the newest first'(w, n) {
    await w.told(
      declareQueue(n, [string('x-dead-letter-exchange', ''), string('x-dead-letter-routing-key', `${n}-wait`)]),
    );
    const back = [
      string('x-dead-letter-exchange', ''),
      string('x-dead-letter-routing-key', n),
      int('x-message-ttl', 1),
    ];
    await w.told(declareQueue(`${n}-wait`, back));
    await w.told(publish(1, { exchange: '', key: n, body: 'again' }));
    const seen: string[][] = [];
    for (let tag = 1; tag <= 3; tag++) {
      seen.push(await w.got(n, false));
      await w.told(reject(tag));
    }
    return [...seen, await w.got(n)];
  },
  async 'a message that would go round for ever is dropped'(w, n) {
    const toOther = (other: string) => [
      int('x-message-ttl', 1),
      string('x-dead-letter-exchange', ''),
      string('x-dead-letter-routing-key', other),
    ];
    await w.told(declareQueue(n, toOther(`${n}-other`)));
    await w.told(declareQueue(`${n}-other`, toOther(n)));
    await w.told(publish(1, { exchange: '', key: n, body: 'dizzy' }));
    await sleep(100);
    await w.holds(n, 0);
    await w.holds(`${n}-other`, 0);
    return [await w.counts(n), await w.counts(`${n}-other`)];
  },
  async 'what a full queue drops from its head is dead-lettered'(w, n) {
    await w.told(declareQueue(`${n}-grave`));
    await w.told(
      declareQueue(n, [
        int('x-max-length', 2),
        string('x-dead-letter-exchange', ''),
        string('x-dead-letter-routing-key', `${n}-grave`),
      ]),
    );
    for (const body of ['a', 'b', 'c']) await w.told(publish(1, { exchange: '', key: n, body }));
    return [await w.got(`${n}-grave`), await w.got(n), await w.got(n)];
  },
  async 'a queue is full by bytes too'(w, n) {
    await w.told(declareQueue(n, [int('x-max-length-bytes', 5)]));
    for (const body of ['aaa', 'bbb', 'cc', 'dddddd']) await w.told(publish(1, { exchange: '', key: n, body }));
    await w.holds(n, 0);
    for (const body of ['aaa', 'bbb', 'cc']) await w.told(publish(1, { exchange: '', key: n, body }));
    await w.holds(n, 2);
    return [await w.got(n), await w.got(n)];
  },
  async 'a queue that rejects publishes dead-letters them if told to'(w, n) {
    await w.told(declareQueue(`${n}-grave`));
    const args = [
      int('x-max-length', 1),
      string('x-overflow', 'reject-publish-dlx'),
      string('x-dead-letter-exchange', ''),
      string('x-dead-letter-routing-key', `${n}-grave`),
    ];
    await w.told(declareQueue(n, args));
    await w.told(request.confirmSelect(1));
    const confirms: string[] = [];
    for (const body of ['a', 'b']) {
      w.client.send(publish(1, { exchange: '', key: n, body }));
      // RabbitMQ may say of several at once what the demo's broker says of each
      confirms.push(...(await w.frames(1)).map((each) => each.split(' ')[0]));
    }
    return [confirms, await w.got(`${n}-grave`), await w.got(n)];
  },
  async 'carbon copies go to more queues, blind ones unseen'(w, n) {
    for (const each of ['', '-cc', '-bcc']) await w.told(declareQueue(`${n}${each}`));
    const headers = [array('CC', `${n}-cc`), array('BCC', `${n}-bcc`), string('own', '1')];
    await w.told(publishWith(n, 'copy', { headers }));
    return [await w.got(n), await w.got(`${n}-cc`), await w.got(`${n}-bcc`)];
  },
  async 'the higher priority comes first'(w, n) {
    await w.told(declareQueue(n, [int('x-max-priority', 5)]));
    for (const [body, priority] of [
      ['low', 1],
      ['high', 5],
      ['none', 0],
      ['beyond', 9],
      ['low again', 1],
    ] as const) {
      await w.told(publishWith(n, body, { priority }));
    }
    await w.holds(n, 5);
    const got = [];
    for (let i = 0; i < 5; i++) got.push(await w.got(n));
    return got;
  },
  async 'what is requeued goes back to its place'(w, n) {
    await w.told(declareQueue(n));
    for (const body of ['a', 'b', 'c']) await w.told(publish(1, { exchange: '', key: n, body }));
    const first = [await w.got(n, false), await w.got(n, false)];
    await w.told(nack(1));
    const again = [await w.got(n, false), await w.got(n, false)];
    await w.told(nack(0, true));
    await w.holds(n, 3);
    return [first, again, await w.got(n), await w.got(n), await w.got(n)];
  },
  async 'recovery brings back what is unsettled'(w, n) {
    await w.told(declareQueue(n));
    await w.told(consume(n, 't'));
    w.client.send(publish(1, { exchange: '', key: n, body: 'a' }));
    const first = await w.content();
    w.client.send(recover());
    return [first, await w.frames(4)];
  },
  async 'messages go round among consumers'(w, n) {
    await w.told(declareQueue(n));
    await w.told(consume(n, 'one'));
    await w.told(consume(n, 'two'));
    const seen = [];
    for (const body of ['a', 'b', 'c', 'd']) {
      w.client.send(publish(1, { exchange: '', key: n, body }));
      seen.push(await w.content());
    }
    return seen;
  },
  async 'the consumer of higher priority is served first, the other when it is busy'(w, n) {
    await w.told(declareQueue(n));
    await w.told(qos(1));
    await w.told(consume(n, 'low'));
    await w.told(consume(n, 'high', { args: [int('x-priority', 5)] }));
    const seen = [];
    for (const body of ['a', 'b']) {
      w.client.send(publish(1, { exchange: '', key: n, body }));
      seen.push(await w.content());
    }
    return seen;
  },
  async 'a single active consumer gets all until it leaves'(w, n) {
    await w.told(declareQueue(n, [entry('x-single-active-consumer', 't', Buffer.of(1))]));
    await w.told(consume(n, 'one'));
    await w.told(consume(n, 'two'));
    const seen = [];
    for (const body of ['a', 'b']) {
      w.client.send(publish(1, { exchange: '', key: n, body }));
      seen.push(await w.content());
    }
    await w.told(cancel('one'));
    w.client.send(publish(1, { exchange: '', key: n, body: 'c' }));
    return [...seen, await w.content()];
  },
  async 'a limit of all consumers together'(w, n) {
    await w.told(declareQueue(n));
    await w.told(qos(2, true));
    await w.told(consume(n, 'one'));
    await w.told(consume(n, 'two'));
    const seen = [];
    for (const body of ['a', 'b', 'c', 'd']) w.client.send(publish(1, { exchange: '', key: n, body }));
    seen.push(await w.content(), await w.content());
    await w.told(queuePassive(n));
    w.client.send(ack(1));
    seen.push(await w.content());
    return [seen.map((each) => each[2]), await w.counts(n)];
  },
  async 'a queue goes with its exclusive connection, and locks others out until then'(w, n, site) {
    const owner = await Witness.open(site);
    await owner.told(declareQueue(n, [], ['exclusive']));
    const locked = await w.told(queuePassive(n));
    await owner.close();
    const later = await Witness.open(site);
    const gone = await later.told(queuePassive(n));
    await later.close();
    return [locked, gone];
  },
  async 'a queue goes with its last consumer'(w, n) {
    await w.told(declareQueue(n, [], ['autoDelete']));
    await w.told(consume(n, 't'));
    return [await w.told(cancel('t')), await w.told(queuePassive(n))];
  },
  async 'an exchange goes with its last binding'(w, n) {
    await w.told(declareExchange(n, 'fanout', [], ['autoDelete']));
    await w.told(declareQueue(n));
    await w.told(bind(n, n, ''));
    await w.told(unbind(n, n, ''));
    return w.told(bind(n, n, ''));
  },
  async 'bindings of a deleted queue are gone'(w, n) {
    await w.told(declareQueue(n));
    await w.told(bind(n, 'amq.direct', n));
    const deleted = await w.told(deleteQueue(n));
    await w.told(declareQueue(n));
    return [deleted, await w.told(publish(1, { exchange: 'amq.direct', key: n, mandatory: true, body: 'x' }))];
  },
  async 'a queue that nobody uses expires'(w, n) {
    await w.told(declareQueue(n, [int('x-expires', 30)]));
    // to publish to it is no use of it
    const goesNowhere = async () => (await w.told(publish(1, { exchange: '', key: n, mandatory: true }))).length > 0;
    await until(goesNowhere, `${n} has expired`);
    return w.told(queuePassive(n));
  },
  async 'a consumer hears that its queue has gone'(w, n, site) {
    const hearer = await Witness.open(site, cancelsAreHeard);
    await hearer.told(declareQueue(n));
    await hearer.told(consume(n, 't'));
    await w.told(deleteQueue(n));
    const heard = (await hearer.client.next()).toString('latin1');
    await hearer.close();
    return heard;
  },
  async 'an unroutable mandatory publish comes back, through an exchange bound to another too'(w, n) {
    await w.told(declareExchange(`${n}-front`, 'topic'));
    await w.told(declareExchange(`${n}-back`, 'direct'));
    await w.told(bindExchange(`${n}-back`, `${n}-front`, '#'));
    return w.told(
      publish(1, { exchange: `${n}-front`, key: 'nobody', mandatory: true, body: 'x', headers: [int('n', 1)] }),
    );
  },
  async topics(w, n) {
    await w.told(declareExchange(n, 'topic'));
    const patterns = ['#', '*', '', 'a.*', 'a.#', '#.b', '*.b', 'a.#.b', '#.#', 'a.*.#', '*.#.*', 'a..b', 'a.'];
    for (const pattern of patterns) {
      await w.told(declareQueue(`${n}-${pattern}`));
      await w.told(bind(`${n}-${pattern}`, n, pattern));
    }
    const keys = ['', 'a', 'b', 'a.b', 'a.x.b', 'a.b.c', '.', 'a..b', 'a.', '.b', 'a.x.y.b'];
    const seen: Record<string, number[]> = {};
    for (const key of keys) await w.told(publish(1, { exchange: n, key, body: key }));
    for (const pattern of patterns) {
      // each got the key that all get, so all that was routed has come once that has
      const count = await w.told(queuePassive(`${n}-${pattern}`));
      seen[pattern] = count.map(Number);
      const bodies: string[] = [];
      for (;;) {
        w.client.send(basicGet(`${n}-${pattern}`, true));
        const frame = await w.client.next();
        if (frame.readUInt16BE(9) === 72) break;
        const head = await w.client.next();
        bodies.push(
          Number(head.readBigUInt64BE(11)) > 0 ? (await w.client.next()).subarray(7, -1).toString() : '(empty)',
        );
      }
      Object.assign(seen, { [pattern]: bodies });
    }
    return seen;
  },
  async headers(w, n) {
    await w.told(declareExchange(n, 'headers'));
    const bindings: Record<string, Entry[]> = {
      all: [string('x-match', 'all'), string('k', 'v'), int('n', 1)],
      any: [string('x-match', 'any'), string('k', 'v'), int('n', 1)],
      none: [],
      exists: [entry('k', 'V', Buffer.alloc(0))],
      own: [string('x-own', '1'), string('k', 'v')],
      'any-with-x': [string('x-match', 'any-with-x'), string('x-own', '1')],
    };
    for (const [name, args] of Object.entries(bindings)) {
      await w.told(declareQueue(`${n}-${name}`));
      await w.told(bind(`${n}-${name}`, n, '', args));
    }
    const messages: Entry[][] = [
      [],
      [string('k', 'v')],
      [string('k', 'v'), int('n', 1)],
      [int('n', 2)],
      [string('x-own', '1')],
    ];
    for (const headers of messages) await w.told(publish(1, { exchange: n, key: '', headers, body: '.' }));
    await sleep(50);
    const counts = [];
    for (const name of Object.keys(bindings)) counts.push(await w.told(purge(`${n}-${name}`)));
    return counts;
  },
  async 'an answer over direct reply-to, and one that comes too late'(w, n, site) {
    await w.told(declareQueue(n));
    const asker = await Witness.open(site);
    await asker.told(consume('amq.rabbitmq.reply-to', 't', { noAck: true }));
    const question = encodeHeader({
      channel: 1,
      classId: 60,
      weight: 0,
      bodySize: 0n,
      flags: [0x0200],
      before: Buffer.alloc(0),
      entries: undefined,
      after: short('amq.rabbitmq.reply-to'),
    });
    await asker.told(Buffer.concat([method(1, 60, 40, u16(0), short(''), short(n), bits(false, false)), question]));
    await w.holds(n, 1);
    w.client.send(basicGet(n, true));
    await w.client.next();
    const asked = await w.client.next();
    const replyTo = asked.subarray(22, -1).toString();
    const told = [
      await w.told(publish(1, { exchange: '', key: replyTo, body: 'answer' })),
      await w.told(publish(1, { exchange: '', key: replyTo, body: 'mandatory', mandatory: true })),
    ];
    const answered = [await asker.content(), await asker.content()];
    await asker.close();
    told.push(await w.told(publish(1, { exchange: '', key: replyTo, body: 'late' })));
    told.push(await w.told(publish(1, { exchange: '', key: replyTo, body: 'late', mandatory: true })));
    return [answered, told];
  },
  async 'what a transaction holds back'(w, n) {
    await w.told(declareQueue(n));
    await w.told(publish(1, { exchange: '', key: n, body: 'there' }));
    await w.holds(n, 1);
    await w.told(request.txSelect(1));
    await w.got(n, false);
    const told = [
      await w.told(publish(1, { exchange: '', key: n, body: 'held' })),
      await w.told(publish(1, { exchange: '', key: 'nobody', body: 'back', mandatory: true })),
      await w.told(ack(1)),
      await w.told(request.txRollback(1)),
      await w.told(ack(1)),
      await w.told(publish(1, { exchange: '', key: 'nobody', body: 'back', mandatory: true })),
      await w.told(request.txCommit(1)),
    ];
    return [told, await w.counts(n)];
  },
  async 'an exchange that is deleted takes its bindings along'(w, n) {
    await w.told(declareExchange(n, 'fanout'));
    await w.told(declareQueue(n));
    await w.told(bind(n, n, ''));
    return [await w.told(deleteExchange(n)), await w.told(publish(1, { exchange: n, key: '' }))];
  },
};

describe('told alike', () => {
  test.concurrent.each(Object.entries(STORIES))('%s', async (title, story) => {
    const name = title.replaceAll(' ', '-').slice(0, 40);
    const told = async (site: Site) => {
      const witness = await Witness.open(site);
      const seen = await story(witness, name, site);
      witness.client.socket.destroy();
      return seen;
    };
    const [demos, rabbits] = await Promise.all([told(sites.demo), told(sites.rabbitmq)]);
    const alike = (await isRabbitMQ4()) ? withoutDeaths : <T>(seen: T) => seen;
    expect(alike(demos)).toEqual(alike(rabbits));
  });
});
