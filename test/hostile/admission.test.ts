import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { publish as message, RawClient, request } from '../../testing/raw-client.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { bits, long, method, PROTOCOL, short, string, table, u16, u32, u64 } from '../../testing/wire.ts';
import { opened, openOk } from '../identity/by-hand.ts';
import { Bench, type Pair } from '../identity/replay.ts';

// Nobody vouches for an app that the broker has not let in. Its bytes pass, for it is the broker who refuses
// them, but nothing is counted, named or kept for it.

const MIB = 1024 * 1024;
const MAX_CHANNEL = 65_535;
const publish = (channel: number, exchange: string) => message(channel, { exchange, key: 'key', body: 'x' });
const tune = (channelMax: number) => method(0, 10, 30, u16(channelMax), u32(131_072), u16(0));
const startOk = (name: string, user: string, ...more: Buffer[]) =>
  method(
    0,
    10,
    11,
    table([string('connection_name', name)]),
    short('PLAIN'),
    long(`\0${user}\0x`),
    short('en_US'),
    ...more,
  );
const tuneOk = (channelMax: number) => method(0, 10, 31, u16(channelMax), u32(131_072), u16(0));
const open = (vhost: string) => method(0, 10, 40, short(vhost), short(''), bits(false));
const opens = (count: number) => Buffer.concat(Array.from({ length: count }, (_, i) => request.openChannel(i + 1)));

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start(['--loss', 'returns', '--log-level', 'debug']);
});
afterAll(() => bench.stop());

const pairs: Pair[] = [];
/** Another connection, which ends with the test. */
async function another(): Promise<Pair> {
  const pair = await bench.open();
  pairs.push(pair);
  return pair;
}
let pair: Pair;
beforeEach(async () => {
  pair = await another();
  return async () => {
    for (const { app, broker } of pairs.splice(0)) for (const { socket } of [app, broker]) socket.destroy();
    await until(async () => (await bench.sidecar.metrics()).value('tracehare_connections') === 0, 'it is gone');
  };
});
async function from(side: keyof Pair, ...frames: Buffer[]): Promise<void> {
  bench.write(side, pair, Buffer.concat(frames));
  await bench.read();
}
const published = async (topic: string) =>
  (await bench.sidecar.metrics()).sum('event_bytes_total', { topic, side: 'publish' });
const channels = async () => (await bench.sidecar.metrics()).value('tracehare_channels');

async function residentAfter(what: () => Promise<void>): Promise<number> {
  const resident = async () => (await bench.sidecar.metrics()).value('process_resident_memory_bytes') ?? 0;
  const before = await resident();
  await what();
  return (await resident()) - before;
}

test('all channels there can be, asked for on many connections before login, cost next to nothing', async () => {
  const asked = opens(MAX_CHANNEL);
  for (let i = 1; i < 20; i++) await another();
  const grown = await residentAfter(async () => {
    for (const each of pairs) bench.write('app', each, Buffer.concat([PROTOCOL, asked]));
    await bench.read();
  });
  // with a channel's state for each it was 8 GiB
  expect(grown).toBeLessThan(64 * MIB);
  expect(await channels()).toBe(0);
  for (const each of pairs) {
    await until(() => each.broker.count === PROTOCOL.length + asked.length, 'all of it has passed');
  }
});

test('2,047 channels that are open and never used cost next to nothing', async () => {
  for (let i = 1; i < 20; i++) await another();
  for (const each of pairs) await bench.letIn(each);
  const grown = await residentAfter(async () => {
    for (const each of pairs) bench.write('app', each, opens(2047));
    await bench.read();
  });
  expect(grown).toBeLessThan(16 * MIB);
  expect(await channels()).toBe(20 * 2047);
});

test('publishes before login pass as they are and count as nothing', async () => {
  const said = Buffer.concat([opened(), publish(1, 'forged'), publish(2, 'forged')]);
  await from('app', said);
  await from('broker', tune(2047));
  await from('app', publish(1, 'forged'));
  await until(() => pair.broker.count === said.length + publish(1, 'forged').length, 'all has passed');
  expect(pair.broker.received.equals(Buffer.concat([said, publish(1, 'forged')]))).toBe(true);
  expect((await bench.sidecar.metrics()).text).not.toContain('forged');
});

test.each([
  ['open-ok', openOk],
  ['tune', tune(0)],
  ['open-ok on a channel', method(1, 10, 41, short(''))],
])('an app is not let in by %s of its own', async (_, frame) => {
  await from('app', opened(), frame, publish(1, 'self-made'));
  expect((await bench.sidecar.metrics()).text).not.toContain('self-made');
  expect(await channels()).toBe(0);
});

test('a channel that was used before login is not followed until it is opened anew; others are', async () => {
  await from('app', opened(), request.confirmSelect(1), publish(1, 'early'));
  await from('broker', openOk);
  await from('app', publish(1, 'early'), publish(2, 'in-time'));
  expect([await published('early'), await published('in-time')]).toEqual([0, 1]);
  expect(await channels()).toBe(1);
  await from('app', request.closeChannel(1));
  await from('broker', method(1, 20, 41));
  await from('app', request.openChannel(1), publish(1, 'anew'));
  expect([await published('anew'), await channels()]).toEqual([1, 2]);
});

test.each([
  ['the app', 10, 2047],
  ['the broker', 2047, 10],
  ['the broker, where the app wants no limit', 0, 10],
])('a channel beyond the channel_max of %s passes unobserved', async (name, ofApp, ofBroker) => {
  const topic = `beyond ${name.length}`;
  const said = [startOk('app', 'guest'), tuneOk(ofApp), open('/'), request.openChannel(11), request.openChannel(10)];
  await from('broker', tune(ofBroker));
  await from('app', PROTOCOL, ...said);
  await from('broker', openOk);
  await from('app', request.openChannel(12), publish(11, topic), publish(12, topic), publish(10, `within ${topic}`));
  expect([await published(topic), await published(`within ${topic}`), await channels()]).toEqual([0, 1, 1]);
});

test('neither a second start-ok, tune-ok or open nor another tune or open-ok changes who the app is', async () => {
  await from('app', PROTOCOL, startOk('first', 'one'), startOk('second', 'two'));
  await from('broker', tune(10));
  await from('app', tuneOk(10), tuneOk(2047), open('vhost-1'), open('vhost-2'));
  await from('broker', tune(0), openOk);
  await from('app', startOk('third', 'three'), tuneOk(0), open('vhost-3'), request.openChannel(11));
  await from('broker', openOk);
  await from('app', request.openChannel(1), publish(1, 'mine'), publish(11, 'not mine'));
  const identified = () => bench.sidecar.log.filter(({ user }) => ['one', 'two', 'three'].includes(user as string));
  await until(() => identified().length > 0, 'the log tells who it is');
  expect(identified().map(({ name, user, vhost }) => [name, user, vhost])).toEqual([['first', 'one', 'vhost-1']]);
  const metrics = await bench.sidecar.metrics();
  expect(metrics.sum('event_bytes_total', { topic: 'mine', pipeline: 'vhost-1' })).toBe(1);
  expect(metrics.text).not.toContain('not mine');
});

test('of names as long as a frame can be, little is kept', async () => {
  const long = 'n'.repeat(30_000);
  await from('app', PROTOCOL, startOk(long, long), tuneOk(0), open('/'));
  await from('broker', openOk);
  const identified = () => bench.sidecar.log.find(({ name }) => String(name).startsWith('nnn'));
  const line = await until(identified, 'the log tells who it is');
  expect([String(line.name).length, String(line.user).length]).toEqual([255, 255]);
});

test('a frame larger than any broker reads before login is not collected; the connection goes on as a plain pipe', async () => {
  const head = Buffer.concat([PROTOCOL, startOk('x'.repeat(70_000), 'guest').subarray(0, 69_000)]);
  await from('app', head);
  await until(() => pair.broker.count === head.length, 'it has passed');
  expect(pair.broker.received.equals(head)).toBe(true);
});

test('a broker’s own deliveries and acks on channels that nobody used pass', async () => {
  await bench.letIn(pair);
  const said = Buffer.concat([
    method(1, 60, 80, u64(1), bits(false)),
    method(2, 60, 60, short('tag'), u64(1), bits(false), short(''), short('key')),
    method(2, 20, 40, u16(504), short('whatever'), u16(0), u16(0)),
  ]);
  await from('broker', said);
  expect(pair.app.received.equals(Buffer.concat([openOk, said]))).toBe(true);
  // it is the app's until that agrees
  expect(await channels()).toBe(2);
  await from('app', method(2, 20, 41));
  expect(await channels()).toBe(1);
  await from('app', request.openChannel(2), publish(2, 'reopened'));
  expect([await published('reopened'), await channels()]).toEqual([1, 2]);
});

test('RabbitMQ refuses who is not in, and it left no trace; who logs in is followed', async () => {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}` });
  onTestFinished(async () => void (await sidecar.stop()));
  const ended = Array.from({ length: 5 }, () => {
    const socket = connect({ port: sidecar.port, host: '127.0.0.1' }).on('error', () => {});
    socket.write(Buffer.concat([PROTOCOL, opens(2047), publish(1, 'forged')]));
    socket.resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.all(ended);
  const client = await RawClient.open({ port: sidecar.port, vhost: vhost.name }, 3);
  client.send(publish(2, ''));
  await client.close();
  await until(async () => (await sidecar.metrics()).value('tracehare_connections') === 0, 'all are gone');
  const metrics = await sidecar.metrics();
  expect(metrics.text).not.toContain('forged');
  expect(metrics.value('tracehare_channels')).toBe(0);
  expect(metrics.sum('event_bytes_total', { topic: 'key', side: 'publish' })).toBe(1);
});
