import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { until } from '../../testing/wait.ts';
import {
  bits,
  type Entry,
  entry,
  header,
  isMethod,
  method,
  short,
  sortedHeader,
  split,
  string,
  u16,
  u32,
  u64,
} from '../../testing/wire.ts';
import { Bench, type Pair } from '../identity/replay.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start();
});
afterAll(() => bench?.stop());

const publish = (exchange: string, entries?: Entry[]) => [
  method(1, 60, 40, u16(0), short(exchange), short('key'), bits(true)),
  header(1, 0, entries),
];
const qos = method(1, 60, 10, u32(0), u16(1), bits(false));
const qosOk = method(1, 60, 11);

const headersOf = (pair: Pair): Buffer[] => split(pair.broker.received).frames.filter((frame) => frame[0] === 2);

/** An app that has published `messages` mandatory ones without confirms, and what it asked behind them. */
async function published(exchange: string, messages: number, ...more: Buffer[]): Promise<Pair> {
  const pair = await bench.open();
  const all = Array.from({ length: messages }, () => publish(exchange)).flat();
  await bench.letIn(pair);
  bench.write('app', pair, Buffer.concat([...all, ...more]));
  await until(() => headersOf(pair).length === messages, 'the broker has them');
  return pair;
}

/** basic.return of the nth message that the broker was sent, from 0. */
function giveBack(pair: Pair, exchange: string, nth: number): Buffer {
  const first = method(1, 60, 50, u16(312), short('NO_ROUTE'), short(exchange), short('key'));
  return Buffer.concat([first, headersOf(pair)[nth]]);
}

async function say(pair: Pair, ...frames: Buffer[]): Promise<void> {
  bench.write('broker', pair, Buffer.concat(frames));
  await bench.read();
}

async function figures(topic: string): Promise<Record<string, number>> {
  const metrics = await bench.sidecar.metrics();
  const at = (name: string, labels: Record<string, string>) => metrics.sum(name, { topic, side: 'publish', ...labels });
  return {
    success: at('event_throughput_total', { status: 'success' }),
    failed: at('event_throughput_total', { status: 'failed' }),
    lost: at('event_lost_total', { reason: 'unroutable' }),
    unknown: at('event_unknown_total', {}),
  };
}

const returned = (pair: Pair): number =>
  split(pair.app.received).frames.filter((frame) => isMethod(frame, 60, 50)).length;

test('without a reply or a return a mandatory publish has succeeded after a second', async () => {
  const pair = await published('patient', 2);
  await until(async () => (await figures('patient')).success === 2, 'they have succeeded');
  await bench.finish(pair);
  expect(await figures('patient')).toEqual({ success: 2, failed: 0, lost: 0, unknown: 0 });
});

test('a return in front of the reply fails its own publish, and no other', async () => {
  const pair = await published('prompt', 3, qos);
  await say(pair, giveBack(pair, 'prompt', 1), qosOk);
  expect(await figures('prompt')).toEqual({ success: 2, failed: 1, lost: 1, unknown: 0 });
  await bench.finish(pair);
  expect(returned(pair)).toBe(1);
});

test('a return behind the reply that had settled its publish: lost all the same, but no second outcome', async () => {
  const pair = await published('tardy', 3, qos);
  await say(pair, qosOk);
  expect(await figures('tardy')).toEqual({ success: 3, failed: 0, lost: 0, unknown: 0 });
  await say(pair, giveBack(pair, 'tardy', 2));
  expect(await figures('tardy')).toEqual({ success: 3, failed: 0, lost: 1, unknown: 0 });
  await bench.finish(pair);
  expect(returned(pair)).toBe(1);
});

const CONTEXT = string('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
const around = [string('a', '1'), string('trace', 'x'), string('z', '2')];
describe.each<[string, Entry[] | undefined]>([
  ['no headers', undefined],
  ['an empty table of headers', []],
  ['headers of its own', around],
  ['a context of its own', [CONTEXT]],
  ['a context among its own headers', [...around, CONTEXT]],
])('a late return of a message with %s', (_what, entries) => {
  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['as they were sent', (bytes) => bytes],
    ['sorted', sortedHeader],
  ])('gives the app back just that, headers %s', async (_order, handedOut) => {
    const pair = await bench.open();
    await bench.letIn(pair);
    bench.write('app', pair, Buffer.concat([...publish('late', entries), qos]));
    await until(() => headersOf(pair).length === 1, 'the broker has it');
    await say(pair, qosOk);
    const first = method(1, 60, 50, u16(312), short('NO_ROUTE'), short('late'), short('key'));
    await say(pair, first, handedOut(headersOf(pair)[0]));
    await bench.finish(pair);
    const got = split(pair.app.received).frames.filter((frame) => frame[0] === 2);
    expect(got).toEqual([handedOut(header(1, 0, entries))]);
  });
});

test('a late return of a message to which nothing is added keeps what its app copied from another', async () => {
  const folder = temporaryFolder('late-returns');
  onTestFinished(() => folder.remove());
  const config = join(folder.path, 'tracehare.yaml');
  writeFileSync(config, 'rules: [{ match: { exchange: late }, propagate: false }]\n');
  const other = await Bench.start(['--loss', 'off', '--config', config]);
  onTestFinished(() => other.stop());
  const pair = await other.open();
  const [asked, sent] = publish('late', [entry('x-tracehare-sent', 'l', u64(3)), CONTEXT]);
  await other.letIn(pair);
  other.write('app', pair, Buffer.concat([asked, sent, qos]));
  await until(() => headersOf(pair).length === 1, 'the broker has it');
  expect(headersOf(pair)).toEqual([sent]);
  other.write('broker', pair, qosOk);
  await other.read();
  other.write('broker', pair, giveBack(pair, 'late', 0));
  await other.finish(pair);
  expect(split(pair.app.received).frames.filter((frame) => frame[0] === 2)).toEqual([sent]);
});

test('with confirms the ack decides, and a return in front of it makes it a loss', async () => {
  const select = method(1, 85, 10, bits(false));
  const pair = await bench.open();
  await bench.letIn(pair);
  bench.write('app', pair, Buffer.concat([select, ...publish('sure'), ...publish('sure')]));
  await until(() => headersOf(pair).length === 2, 'the broker has them');
  await say(pair, method(1, 85, 11), giveBack(pair, 'sure', 0));
  expect(await figures('sure')).toEqual({ success: 0, failed: 0, lost: 0, unknown: 0 });
  await say(pair, method(1, 60, 80, u64(2), bits(true)));
  expect(await figures('sure')).toEqual({ success: 1, failed: 1, lost: 1, unknown: 0 });
  await bench.finish(pair);
});
