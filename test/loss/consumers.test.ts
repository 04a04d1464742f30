import { describe, expect, test } from 'vitest';
import { publish, RawClient } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { bits, HEADER, isMethod, method, short, table, u16, u32, u64 } from '../../testing/wire.ts';
import { inModes, type Rig, unique } from './rig.ts';

const COUNT = 10;

const consume = (queue: string, tag: string, { noAck = false, nowait = true } = {}): Buffer =>
  method(1, 60, 20, u16(0), short(queue), short(tag), bits(false, noAck, false, nowait), table([]));
const cancel = (tag: string): Buffer => method(1, 60, 30, short(tag), bits(true));
const declare = (queue: string, nowait: boolean): Buffer =>
  method(1, 50, 10, u16(0), short(queue), bits(false, false, false, true, nowait), table([]));
const ackAll = method(1, 60, 80, u64(0), bits(true));
const qos = method(1, 60, 10, u32(0), u16(0), bits(false));

const received = (client: RawClient): number => client.frames.filter((frame) => frame[0] === HEADER).length;

async function queues(rig: Rig, count: number): Promise<string[]> {
  const aside = await rig.aside();
  const names = Array.from({ length: count }, () => unique('work'));
  for (const name of names) await aside.assertQueue(name);
  return names;
}

async function fill(rig: Rig, ...names: string[]): Promise<void> {
  const aside = await rig.aside();
  for (const name of names) for (let i = 0; i < COUNT; i++) aside.sendToQueue(name, Buffer.from('x'));
  for (const name of names) await aside.checkQueue(name);
}

/** Settles all it has, and ends in order. */
async function done(client: RawClient, count: number): Promise<void> {
  await until(() => received(client) >= count, 'all have come');
  client.send(ackAll, qos);
  await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
  await client.close();
}

const open = (rig: Rig): Promise<RawClient> => RawClient.open({ port: rig.sidecar.port, vhost: rig.vhost.name });

/** `event_processing_seconds` of a topic, by queue. */
async function processed(rig: Rig, topic: string): Promise<Record<string, number>> {
  const metrics = await rig.sidecar.metrics();
  const rows = metrics.samples.filter(
    ({ name, labels }) => name === 'event_processing_seconds_count' && labels.topic === topic,
  );
  return Object.fromEntries(rows.map(({ labels, value }) => [labels.queue, value]));
}

// what becomes of deliveries is seen the same in every mode
inModes(
  (rig) => {
    describe('a consumer that nobody named', () => {
      test.each([false, true])('counts to its queue (no-ack: %s)', async (noAck) => {
        const [queue] = await queues(rig, 1);
        await fill(rig, queue);
        const client = await open(rig);
        client.send(consume(queue, '', { noAck }));
        await done(client, COUNT);
        expect(await rig.figures(queue)).toEqual({ 'consume success': COUNT });
        expect(await processed(rig, queue)).toEqual(noAck ? {} : { [queue]: COUNT });
      });

      test('and several of them, beside one with a name: each to its own', async () => {
        const [one, two, three] = await queues(rig, 3);
        await fill(rig, three, two, one);
        const client = await open(rig);
        client.send(consume(one, ''), consume(two, '', { noAck: true }), consume(three, 'named'));
        await done(client, 3 * COUNT);
        for (const queue of [one, two, three]) {
          expect(await rig.figures(queue)).toEqual({ 'consume success': COUNT });
          expect(await processed(rig, queue)).toEqual(queue === two ? {} : { [queue]: COUNT });
        }
      });

      test('of a queue that nobody named either', async () => {
        const client = await open(rig);
        const exchange = unique('ex');
        await (await rig.aside()).assertExchange(exchange, 'fanout');
        client.send(
          declare('', true),
          method(1, 50, 20, u16(0), short(''), short(exchange), short(''), bits(true), table([])),
          consume('', ''),
          ...Array.from({ length: COUNT }, () => publish(1, { exchange, key: 'k', body: 'x' })),
        );
        await done(client, COUNT);
        expect(await rig.figures(exchange)).toEqual({ 'publish success': COUNT, 'consume success': COUNT });
        expect(await processed(rig, exchange)).toEqual({ 'amq.gen-*': COUNT });
      });
    });

    describe('a tag that is used again at once', () => {
      test('is the new consumer’s', async () => {
        const [before, after] = await queues(rig, 2);
        const client = await open(rig);
        client.send(consume(before, 'tag'), cancel('tag'), consume(after, 'tag'), qos);
        await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
        client.frames.length = 0;
        await fill(rig, before, after);
        await done(client, COUNT);
        expect(await rig.figures(after)).toEqual({ 'consume success': COUNT });
        expect(await processed(rig, after)).toEqual({ [after]: COUNT });
        expect(await rig.figures(before)).toEqual({});
      });

      test.each([
        [true, false],
        [false, true],
        [false, false],
      ])('what was on its way to the elder one counts as such (no-ack: %s, then %s)', async (first, second) => {
        const [before, after] = await queues(rig, 2);
        await fill(rig, before, after);
        const client = await open(rig);
        // all of the elder's are on their way before the broker reads on
        client.send(consume(before, 'tag', { noAck: first }), cancel('tag'), consume(after, 'tag', { noAck: second }));
        const wanted =
          COUNT +
          (await (async () => {
            await until(() => received(client) >= COUNT, 'the new consumer’s have come');
            client.send(qos);
            await until(() => client.frames.some((frame) => isMethod(frame, 60, 11)), 'all is read');
            return received(client) - COUNT;
          })());
        client.frames.splice(0, client.frames.length, ...client.frames.filter((frame) => frame[0] === HEADER));
        await done(client, wanted);
        expect(await rig.figures(after)).toEqual({ 'consume success': COUNT });
        expect(await rig.figures(before)).toEqual(wanted > COUNT ? { 'consume success': wanted - COUNT } : {});
        expect((await rig.sidecar.metrics()).sum('tracehare_unsettled_deliveries')).toBe(0);
      });
    });

    test('nothing of all this passed unobserved', async () => {
      expect((await rig.sidecar.metrics()).sum('tracehare_unobserved_total')).toBe(0);
    });
  },
  { modes: ['off', 'confirms'] },
);
