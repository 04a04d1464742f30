import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { delivering, publishing } from '../../bench/micro/cases.ts';
import { FrameDecoder, type FrameVisitor } from '../../src/amqp/frames.ts';
import { observedFromApp } from '../../src/proxy/scanning/from-app.ts';
import { deliver, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';

// What keeps a message cheap, as counts that hold on any machine: no timing.

const input = { loss: [], body: 100, chunk: 64 * 1024, topics: 1, env: {} };
const message = (routingKey: string, body: number): Buffer => publish({ exchange: 'orders', routingKey, body });

test('a message allocates next to nothing', () => {
  // A process of its own, where nothing else allocates but now and then the compiler.
  const script = fileURLToPath(new URL('./weigh.ts', import.meta.url));
  const bytes: Record<string, number> = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' }));
  // Between 5 and 50 are numbers that the compiler puts on the heap in one run and not in the next;
  // a closure a message, or one view of a buffer, is beyond.
  for (const [path, each] of Object.entries(bytes)) expect(each, path).toBeLessThan(80);
  expect(Object.keys(bytes)).toHaveLength(9);
});

describe('a chunk that was read is one write at most', () => {
  for (const loss of ['off', 'returns', 'confirms']) {
    test(`towards the broker, --loss ${loss}`, () => {
      const { rig, ...path } = publishing(input, loss);
      for (let i = 0; i < 10; i++) {
        path.before?.();
        const before = rig.broker.writes;
        path.step();
        expect(rig.broker.writes - before).toBe(1);
        path.after?.();
      }
    });
  }

  test('towards the app', () => {
    for (const noAck of [true, false]) {
      const { rig, ...path } = delivering(input, noAck);
      for (let i = 0; i < 10; i++) {
        path.before?.();
        const before = rig.app.writes;
        path.step();
        expect(rig.app.writes - before).toBe(1);
        path.after?.();
      }
    }
  });

  test('wherever the chunk ends', () => {
    const stream = Buffer.concat([message('a', 100), message('b', 0), message('c', 300), message('d', 5)]);
    for (const loss of ['off', 'returns', 'confirms']) {
      const rig = createRig({ args: ['--loss', loss] });
      handshake(rig);
      for (let cut = 1; cut < stream.length; cut++) {
        for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
          const before = rig.broker.writes;
          rig.app.receive(Buffer.from(chunk));
          expect(rig.broker.writes - before, `--loss ${loss}, cut at ${cut}`).toBeLessThanOrEqual(1);
        }
      }
    }
  });
});

test('a large body is written as it lies, not copied', () => {
  const body = 60_000;
  const opened = (consume?: { tag: string; noAck: boolean }): Rig => {
    const rig = createRig({ args: ['--loss', 'off'] });
    handshake(rig, consume && { consume });
    return rig;
  };
  // a piece from the middle of a body has nothing of ours in it
  const towardsBroker = opened();
  const published = message('a', body);
  towardsBroker.app.receive(published.subarray(0, 1000));
  const piece = Buffer.from(published.subarray(1000, 50_000));
  towardsBroker.app.receive(piece);
  expect(towardsBroker.broker.last.buffer).toBe(piece.buffer);
  // and towards the app nothing is changed at all
  const towardsApp = opened({ tag: 'c', noAck: true });
  const delivered = deliver({ exchange: 'orders', routingKey: 'a', body }, 'c', 1);
  towardsApp.broker.receive(delivered);
  expect(towardsApp.app.last.buffer).toBe(delivered.buffer);
});

describe('the decoder', () => {
  /** Counts how often each byte is looked at. */
  function watched(bytes: Buffer): { buf: Uint8Array; looks: Uint32Array } {
    const looks = new Uint32Array(bytes.length);
    const buf = new Proxy(bytes, {
      get(target, name) {
        const index = typeof name === 'string' ? Number(name) : Number.NaN;
        if (Number.isInteger(index)) {
          looks[index]++;
          return target[index];
        }
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { buf, looks };
  }

  function decode(chunks: Uint8Array[]): { calls: number; bytes: number } {
    const seen = { calls: 0, bytes: 0 };
    const note = (start: number, end: number): void => {
      seen.calls++;
      seen.bytes += end - start;
    };
    const visitor: FrameVisitor = {
      method: (_key, _channel, _buf, start, end) => note(start, end),
      header: (_channel, _buf, start, end) => note(start, end),
      body: (_channel, _payload, _buf, start, end) => note(start, end),
      raw: (_buf, start, end) => note(start, end),
      lost: () => expect.fail('framing was lost'),
    };
    const decoder = new FrameDecoder(visitor, observedFromApp);
    for (const chunk of chunks) decoder.push(chunk, 0, chunk.length);
    return seen;
  }

  const stream = Buffer.concat(Array.from({ length: 20 }, (_, i) => message(`key.${i}`, 100 + i)));

  test('hands on each whole frame by one call', () => {
    expect(decode([stream])).toEqual({ calls: 60, bytes: stream.length });
  });

  test('hands on every byte once, wherever the chunk ends', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const { bytes, calls } = decode([stream.subarray(0, cut), stream.subarray(cut)]);
      expect(bytes, `cut at ${cut}`).toBe(stream.length);
      // a body or an unobserved frame that is cut comes in two pieces
      expect(calls).toBeLessThanOrEqual(61);
    }
  });

  test("looks at a frame's head and end only, and never twice over", () => {
    const { buf, looks } = watched(stream);
    decode([buf]);
    // type, channel, size, of a method its two ids, and the end: 12 bytes of a frame at most
    const touched = looks.filter((count) => count > 0).length;
    expect(touched).toBeGreaterThan(60 * 4);
    expect(touched).toBeLessThanOrEqual(60 * 12);
    expect(Math.max(...looks)).toBeLessThanOrEqual(2);
  });
});
