import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { body, header, method, short, string, u64 } from '../../testing/wire.ts';
import { opened, openOk, publish } from './by-hand.ts';
import { checkUpstream } from './compare.ts';
import { Bench, type Pair } from './replay.ts';

/** More than the sockets on the way hold, so that the sidecar has to stop reading in the middle. */
const BYTES = 24 * 1024 * 1024;
/** Leaves room in what the sidecar may hold: it reads on while such a chunk is not written yet. */
const CHUNK = 30_000;

/** Messages of every size, the large ones in several body frames. */
function messages(first: (index: number) => Buffer): Buffer {
  const all: Buffer[] = [];
  for (let size = 0, index = 0; size < BYTES; index++) {
    const payload = randomBytes([0, 3, 70, 900, 20_000, 300_000][index % 6]);
    all.push(first(index), header(1, payload.length, index % 2 ? undefined : [string('n', String(index))]));
    for (let at = 0; at < payload.length; at += 131_064) all.push(body(1, payload.subarray(at, at + 131_064)));
    size += payload.length;
  }
  return Buffer.concat(all);
}

/** Piece by piece, the next when the last was read, until nothing more is read or all is; returns how much was written. */
async function writeWhileRead(
  { sidecar }: Bench,
  pair: Pair,
  from: keyof Pair,
  bytes: Buffer,
  piece: number,
): Promise<number> {
  const direction = from === 'app' ? 'upstream' : 'downstream';
  const passed = async () => (await sidecar.metrics()).sum('tracehare_relay_bytes_total', { direction });
  const before = await passed();
  let written = 0;
  for (let read = 0, same = 0; same < 50; ) {
    if (read >= written) {
      if (written === bytes.length) break;
      pair[from].socket.write(bytes.subarray(written, written + piece));
      written = Math.min(bytes.length, written + piece);
    }
    const now = (await passed()) - before;
    same = now === read ? same + 1 : 0;
    read = now;
  }
  return written;
}

test('a side that does not read for a while gets every byte, in order, once it does: both ways', async () => {
  const bench = await Bench.start();
  onTestFinished(() => bench.stop());
  const pair = await bench.open();
  await bench.letIn(pair);
  const app = messages(() => publish());
  const broker = messages((i) =>
    method(1, 60, 60, short('tag'), u64(i + 1), Buffer.of(0), short('ex'), short(`key-${i % 9}`)),
  );
  pair.app.socket.pause();
  pair.broker.socket.pause();

  /** Chunk by chunk until the sidecar has stopped reading, then all the rest. */
  async function stall(from: 'app' | 'broker', bytes: Buffer): Promise<void> {
    const written = await writeWhileRead(bench, pair, from, bytes, CHUNK);
    expect(written, 'everything passed, and nobody read it').toBeLessThan(bytes.length);
    pair[from].socket.write(bytes.subarray(written));
  }
  await stall('app', app);
  await stall('broker', broker);

  // a little at first, so that sockets fill and drain many times
  for (const end of [pair.app, pair.broker]) {
    end.socket.on('data', () => {
      if (end.count > 2_000_000) return;
      end.socket.pause();
      setImmediate(() => end.socket.resume());
    });
    end.socket.resume();
  }
  await until(
    () => pair.app.count >= openOk.length + broker.length && pair.broker.count > app.length,
    'both have everything',
  );
  const { atBroker, atApp } = await bench.finish(pair);
  expect(atApp.equals(Buffer.concat([openOk, broker]))).toBe(true);
  expect(checkUpstream(Buffer.concat([opened(), app]), atBroker).sent).toBeGreaterThan(100);
});

describe('an app that has stopped reading', () => {
  const stream = messages((i) => method(1, 60, 60, short('tag'), u64(i + 1), Buffer.of(0), short('ex'), short('key')));
  let bench: Bench;
  /** what the sidecar reads of the broker before it stops */
  let most: number;

  /** The broker sends so much of the stream, or as much as is read; returns how much. */
  const send = (pair: Pair, length: number): Promise<number> =>
    writeWhileRead(bench, pair, 'broker', stream.subarray(0, length), 10_000);

  async function stalled(): Promise<Pair> {
    const pair = await bench.open();
    pair.app.socket.pause();
    return pair;
  }

  beforeAll(async () => {
    bench = await Bench.start();
    const pair = await stalled();
    most = await send(pair, stream.length);
    pair.app.socket.destroy();
    await until(() => pair.broker.closed, 'the sidecar has let go');
  });
  afterAll(() => bench.stop());

  // the sockets on the way are full, or nearly: what the sidecar holds is nothing, or up to the high-water mark
  const STANDS = [0, 30_000, 70_000];

  test('gets everything when it reads again, though the broker has gone meanwhile', async () => {
    for (const less of STANDS) {
      const pair = await stalled();
      const sent = await send(pair, most - less);
      pair.broker.socket.end();
      pair.app.socket.resume();
      await until(() => pair.app.ended, 'the app sees the end');
      pair.app.socket.end();
      expect(pair.app.received.equals(stream.subarray(0, sent)), `${less} bytes less`).toBe(true);
    }
  });

  test('may vanish, and the others are served on', async () => {
    for (const less of STANDS) {
      const pair = await stalled();
      await send(pair, most - less);
      pair.app.socket.resetAndDestroy();
      await until(() => pair.broker.closed, 'the broker sees that it is gone');
      const other = await bench.open();
      other.app.socket.write('hello, which is no AMQP');
      await until(() => other.broker.count > 0, 'another app is served');
      await bench.finish(other);
    }
  });
});
