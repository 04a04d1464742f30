import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/wait.ts';
import { body, header, method, short, string, u64 } from '../support/wire.ts';
import { opened, publish } from './by-hand.ts';
import { checkUpstream } from './compare.ts';
import { Bench } from './replay.ts';

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

test('a side that does not read for a while gets every byte, in order, once it does: both ways', async () => {
  const bench = await Bench.start();
  onTestFinished(() => bench.stop());
  const pair = await bench.open();
  const app = Buffer.concat([opened(), messages(() => publish())]);
  const broker = messages((i) =>
    method(1, 60, 60, short('tag'), u64(i + 1), Buffer.of(0), short('ex'), short(`key-${i % 9}`)),
  );
  pair.app.socket.pause();
  pair.broker.socket.pause();

  /** Chunk by chunk until the sidecar has stopped reading, then all the rest. */
  async function stall(from: 'app' | 'broker', bytes: Buffer): Promise<void> {
    const direction = from === 'app' ? 'upstream' : 'downstream';
    const passed = async () => (await bench.sidecar.metrics()).sum('tracehare_relay_bytes_total', { direction });
    let written = 0;
    for (let last = -1, same = 0; same < 50; ) {
      const now = await passed();
      same = now === last ? same + 1 : 0;
      last = now;
      if (now < written) continue;
      expect(written, 'everything passed, and nobody read it').toBeLessThan(bytes.length);
      pair[from].socket.write(bytes.subarray(written, written + CHUNK));
      written += CHUNK;
    }
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
  await until(() => pair.app.count >= broker.length && pair.broker.count > app.length, 'both have everything');
  const { atBroker, atApp } = await bench.finish(pair);
  expect(atApp.equals(broker)).toBe(true);
  expect(checkUpstream(app, atBroker).sent).toBeGreaterThan(100);
});
