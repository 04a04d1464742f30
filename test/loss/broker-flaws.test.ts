import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { body, header, isMethod, long, method, short, split, string, table, u8, u16, u64 } from '../../testing/wire.ts';
import { opened, openOk, publish } from '../identity/by-hand.ts';
import { Bench } from '../identity/replay.ts';

// RabbitMQ 3.9.0 to 3.9.7 never forget a mandatory publish on a channel without confirms: an app that
// never asked for mandatory must not fill its broker's memory because Tracehare did.

const start = (product: string, version: string): Buffer =>
  method(
    0,
    10,
    10,
    u8(0),
    u8(9),
    table([string('product', product), string('version', version)]),
    long('PLAIN'),
    long('en_US'),
  );
const message = (channel: number): Buffer =>
  Buffer.concat([publish(channel), header(channel, 1), body(channel, Buffer.from('x'))]);

describe.each(['returns', 'confirms'])('--loss %s', (mode) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await Bench.start(['--loss', mode]);
  });
  afterAll(() => bench.stop());

  /** Whether publishes are made mandatory by us, on a plain channel and on one with confirms, with the chunk cut `into` pieces. */
  async function shadowed(broker: Buffer, into: number): Promise<boolean[]> {
    const pair = await bench.open();
    bench.write('broker', pair, broker);
    await bench.read();
    bench.write('app', pair, opened());
    await bench.read();
    bench.write('broker', pair, openOk);
    await bench.read();
    const said = Buffer.concat([message(1), request.confirmSelect(2), message(2)]);
    for (let i = 0; i < into; i++) {
      bench.write('app', pair, said.subarray((said.length * i) / into, (said.length * (i + 1)) / into));
      await bench.read();
    }
    const { atBroker } = await bench.finish(pair);
    const publishes = split(atBroker.subarray(8)).frames.filter((frame) => isMethod(frame, 60, 40));
    expect(publishes).toHaveLength(2);
    return publishes.map((frame) => (frame[frame.length - 2] & 1) === 1);
  }

  test.each(['3.9.0', '3.9.7'])(
    'RabbitMQ %s is sent no mandatory publish of ours but under confirms',
    async (version) => {
      const plain = mode === 'confirms';
      for (const into of [1, 2, 7]) expect(await shadowed(start('RabbitMQ', version), into)).toEqual([plain, true]);
    },
  );

  test('Broker-J, which nacks what was mandatory, is sent no mandatory publish of ours under confirms', async () => {
    for (const into of [1, 2, 7])
      expect(await shadowed(start('Apache Qpid Broker-J Core', '9.2.1'), into)).toEqual([true, false]);
  });

  test.each([
    ['RabbitMQ', '3.8.34'],
    ['RabbitMQ', '3.9.8'],
    ['RabbitMQ', '3.9.29'],
    ['RabbitMQ', '3.10.8'],
    ['LavinMQ', '3.9.5'],
    ['', ''],
  ])('%s %s is', async (product, version) => {
    for (const into of [1, 7]) expect(await shadowed(start(product, version), into)).toEqual([true, true]);
  });

  test('the log says so, once for each version', async () => {
    await shadowed(start('RabbitMQ', '3.9.7'), 1);
    const told = () => bench.sidecar.log.filter(({ msg }) => msg.startsWith('this broker leaks memory'));
    await until(() => told().length >= 2, 'both versions are told of');
    expect(told().map(({ level, broker }) => [level, broker])).toEqual([
      ['warn', 'RabbitMQ 3.9.0'],
      ['warn', 'RabbitMQ 3.9.7'],
    ]);
  });
});

test('a publish that comes back after its nack is lost once', async () => {
  const bench = await Bench.start([]);
  const pair = await bench.open();
  const say = async (from: 'app' | 'broker', bytes: Buffer) => {
    bench.write(from, pair, bytes);
    await bench.read();
  };
  await say('broker', start('Apache Qpid Broker-J Core', '9.2.1'));
  await say('app', opened());
  await say('broker', openOk);
  await say('app', request.confirmSelect(1));
  await say('broker', method(1, 85, 11));
  const names = [short('orders'), short('nowhere')];
  const message = [header(1, 1), body(1, Buffer.from('x'))];
  await say('app', Buffer.concat([method(1, 60, 40, u16(0), ...names, u8(1)), ...message]));
  await say('broker', method(1, 60, 120, u64(1), u8(0)));
  await say('broker', Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), ...names), ...message]));
  const lost = async () => (await bench.sidecar.metrics()).sum('event_lost_total');
  await until(async () => (await lost()) > 0, 'the loss is counted');
  expect(await lost()).toBe(1);
  const { atApp } = await bench.finish(pair);
  expect(split(atApp).frames.filter((frame) => isMethod(frame, 60, 50))).toHaveLength(1);
  await bench.stop();
});
