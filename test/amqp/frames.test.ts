import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FrameDecoder } from '../../src/amqp/frames.ts';
import {
  AMQP_1_0,
  AMQP_1_0_SASL,
  body,
  frame,
  HEADER,
  HEARTBEAT,
  header,
  heartbeat,
  METHOD,
  method,
  PROTOCOL,
  u16,
  u64,
} from '../../testing/wire.ts';
import { fromApp, fromBroker, head, methodHead, publish, withEnd } from './corpus.ts';
import { decode, everyByte, expected, heldBack, type Opening, observed, Recorder } from './decoding.ts';

const NONE = Buffer.alloc(0);
const corpora: [string, Opening, Buffer, readonly Buffer[]][] = [
  ['an app', 'header', PROTOCOL, fromApp],
  ['a broker', 'frame', NONE, fromBroker],
];

describe.each(corpora)('frames of %s', (_, side, opening, frames) => {
  const bytes = Buffer.concat([opening, ...frames]);
  const truth = expected(opening, frames);
  /** Nothing is held back but the start of a frame that has to be whole. */
  const after = (position: number, recorder: Recorder, decoder: FrameDecoder): void => {
    const held = heldBack(opening, frames, position);
    if (position - recorder.bytesOut !== held) {
      expect.fail(`at ${position}: ${position - recorder.bytesOut} held back, not ${held}`);
    }
    if (decoder.isLost) expect.fail(`lost at ${position}`);
  };
  function checkCuts(cuts: number[]): void {
    const recorder = decode(bytes, cuts, { opening: side, after });
    // comparing texts is much faster than comparing objects, and this is asked thousands of times
    if (JSON.stringify(recorder.heard) !== JSON.stringify(truth)) expect(recorder.heard).toEqual(truth);
    expect(recorder.bytes.equals(bytes)).toBe(true);
    expect(recorder.lostBecause).toEqual([]);
  }

  test('the corpus has what it is for', () => {
    expect(new Set(truth.map(({ kind }) => kind))).toEqual(new Set(['raw', 'method', 'header', 'body']));
  });

  test('pass whole', () => checkCuts([]));

  test('pass cut at every point', () => {
    for (let cut = 0; cut <= bytes.length; cut++) checkCuts([cut]);
  });

  test('pass byte by byte', () => checkCuts(everyByte(bytes.length)));

  test('pass cut anywhere, empty pieces too', () => {
    const cuts = fc.array(fc.nat(bytes.length), { maxLength: 40 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(fc.property(cuts, checkCuts), { numRuns: 500 });
  });

  test('pass in pieces of any one size', () => {
    for (let size = 2; size < 70; size++) {
      checkCuts(everyByte(bytes.length).filter((position) => position % size === 0));
    }
  });

  test('observed methods and headers are one call each, bodies as many as there were chunks', () => {
    const cuts = everyByte(bytes.length).filter((position) => position % 5 === 0);
    const { calls } = decode(bytes, cuts, { opening: side });
    const whole = (kind: string) => calls.filter((call) => call.kind === kind).map((call) => call.bytes);
    expect(whole('method')).toEqual(truth.filter(({ kind }) => kind === 'method').map((heard) => heard.bytes));
    expect(whole('header')).toEqual(truth.filter(({ kind }) => kind === 'header').map((heard) => heard.bytes));
    // the head of a body frame has 7 bytes; from then on a piece per chunk
    expect(Math.max(...whole('body').map((piece) => piece.length))).toBeLessThan(7 + 5);
  });

  test('a boundary is where a frame has ended, and nowhere else', () => {
    const edges = new Set<number>();
    let position = opening.length;
    // what a broker says first is a frame already
    if (opening.length > 0) edges.add(position);
    for (const each of frames) {
      position += each.length;
      edges.add(position);
    }
    decode(bytes, everyByte(bytes.length), {
      opening: side,
      after: (_at, recorder, decoder) => {
        const out = recorder.bytesOut;
        if (out > 0) expect(decoder.atBoundary, `${out} bytes out`).toBe(edges.has(out));
      },
    });
  });
});

const valid = fromApp.slice(0, 9);
const start = Buffer.concat([PROTOCOL, ...valid]);
/** What follows doesn't look like a frame to anyone. */
const more = Buffer.from('anything\xce\x01\0', 'latin1');

/** bytes that can't be read, and how many frames of `valid` were before them */
const broken: [string, 'protocol' | 'frame', Opening, Buffer, number][] = [
  ['AMQP 1.0', 'protocol', 'header', Buffer.concat([AMQP_1_0, more]), 0],
  ['AMQP 1.0 with SASL', 'protocol', 'header', Buffer.concat([AMQP_1_0_SASL, more]), 0],
  ['AMQP 0-8', 'protocol', 'header', Buffer.concat([Buffer.from('AMQP\x01\x01\x08\0', 'latin1'), more]), 0],
  ['AMQP 0-9-2', 'protocol', 'header', Buffer.concat([Buffer.from('AMQP\0\0\x09\x02', 'latin1'), more]), 0],
  ['HTTP', 'protocol', 'header', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 0],
  ['TLS', 'protocol', 'header', Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), 0],
  ['frames without a protocol header', 'protocol', 'header', Buffer.concat(valid), 0],
  ['a broker that answers with its header', 'protocol', 'frame', Buffer.concat([PROTOCOL, more]), 0],
  ['a broker of AMQP 1.0', 'protocol', 'frame', Buffer.concat([AMQP_1_0, more]), 0],
  ['a broker that sends no frame', 'protocol', 'frame', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 0],
  ['frame type 0', 'frame', 'header', Buffer.concat([start, frame(0, 0, u16(1)), more]), 9],
  ['frame type 4', 'frame', 'header', Buffer.concat([start, frame(4, 0, u16(1)), more]), 9],
  ['frame type 255', 'frame', 'header', Buffer.concat([start, frame(255, 0, NONE), more]), 9],
  ['a second protocol header', 'frame', 'header', Buffer.concat([start, PROTOCOL, start]), 9],
  ['an observed method with a wrong end', 'frame', 'header', Buffer.concat([start, withEnd(publish(1), 0), more]), 9],
  ['a header with a wrong end', 'frame', 'header', Buffer.concat([start, withEnd(header(1, 5), 0xcd), more]), 9],
  ['a heartbeat with a wrong end', 'frame', 'header', Buffer.concat([start, withEnd(heartbeat(), 0xcf), more]), 9],
  ['a method too short to be one', 'frame', 'header', Buffer.concat([start, frame(METHOD, 1, u16(60)), more]), 9],
  ['an empty method frame', 'frame', 'header', Buffer.concat([start, frame(METHOD, 1, NONE), more]), 9],
  ['a header announced too large', 'frame', 'header', Buffer.concat([start, head(HEADER, 1, 0xffffffff), more]), 9],
  ['a heartbeat announced too large', 'frame', 'header', Buffer.concat([start, head(HEARTBEAT, 0, 1 << 30), more]), 9],
  ['a method announced too large', 'frame', 'header', Buffer.concat([start, methodHead(1 << 24, 60, 40), more]), 9],
];

describe('bytes that can not be read', () => {
  /** All of it comes out, in order; one loss, and nothing but raw after it. */
  function check(bytes: Buffer, cuts: number[], why: string, side: Opening, validFrames: Buffer[]): void {
    const recorder = decode(bytes, cuts, { opening: side });
    expect(recorder.bytes.equals(bytes)).toBe(true);
    expect(recorder.lostBecause).toEqual([why]);
    const later = recorder.calls.slice(recorder.callsBeforeLoss);
    expect(later.every(({ kind }) => kind === 'raw')).toBe(true);
    const before = validFrames.length > 0 ? expected(PROTOCOL, validFrames) : [];
    expect(recorder.heard.slice(0, before.length)).toEqual(before);
  }

  test.each(broken)('%s: told once, then all passes unread', (_, why, side, bytes, frames) => {
    check(bytes, [], why, side, fromApp.slice(0, frames));
    for (let cut = 0; cut <= bytes.length; cut++) check(bytes, [cut], why, side, fromApp.slice(0, frames));
    check(bytes, everyByte(bytes.length), why, side, fromApp.slice(0, frames));
  });

  const streamed: [string, Buffer][] = [
    ['a body', body(1, Buffer.alloc(30, 1))],
    ['an empty body', body(1, NONE)],
    ['a method nobody observes', method(1, 90, 10)],
    ['a long method nobody observes', method(1, 61, 7, Buffer.alloc(40))],
  ];
  test.each(streamed)('%s with a wrong end, however it was cut', (_, bytes) => {
    const all = Buffer.concat([start, withEnd(bytes, 0xcd), more]);
    check(all, [], 'frame', 'header', valid as Buffer[]);
    for (let cut = 0; cut <= all.length; cut++) check(all, [cut], 'frame', 'header', valid as Buffer[]);
    check(all, everyByte(all.length), 'frame', 'header', valid as Buffer[]);
  });

  test('a protocol header that never ends is no loss yet, and not held back', () => {
    const recorder = decode(PROTOCOL.subarray(0, 7), [3]);
    expect([recorder.bytes.toString(), recorder.lostBecause]).toEqual([PROTOCOL.toString().slice(0, 7), []]);
  });

  test('random bytes never throw, and all come out', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 8 });
    const garbage = fc.uint8Array({ maxLength: 400 });
    const prefix = fc.constantFrom(NONE, PROTOCOL, start);
    fc.assert(
      fc.property(prefix, garbage, cuts, fc.constantFrom<Opening>('header', 'frame'), (before, after, at, opening) => {
        const bytes = Buffer.concat([before, after]);
        const recorder = decode(
          bytes,
          at.map((n) => n % (bytes.length + 1)).sort((a, b) => a - b),
          {
            opening,
            after: (position, { bytesOut }) => expect(bytesOut).toBeLessThanOrEqual(position),
          },
        );
        const held = bytes.length - recorder.bytesOut;
        expect(recorder.bytes.equals(bytes.subarray(0, bytes.length - held))).toBe(true);
        expect(recorder.lostBecause.length).toBeLessThanOrEqual(1);
        if (recorder.lostBecause.length === 1) expect(held).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('frames with any one byte changed never throw, and all come out', () => {
    const bytes = Buffer.concat([PROTOCOL, ...fromApp]);
    const changes = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length));
    fc.assert(
      fc.property(changes, ([at, value, cut]) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        const recorder = new Recorder();
        let decoder: FrameDecoder | undefined;
        decode(changed, [cut], { recorder, prepare: (made) => (decoder = made) });
        // a size made larger leaves the decoder waiting: what it holds comes out when it gives up
        decoder?.lose();
        expect(recorder.bytes.equals(changed)).toBe(true);
        expect(recorder.lostBecause.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('giving up', () => {
  const bytes = Buffer.concat([PROTOCOL, ...fromApp]);

  test('in the middle of any call: the rest is raw, nothing lost or doubled', () => {
    for (const cuts of [[], [100], [5, 60, 333], everyByte(bytes.length)]) {
      const calls = decode(bytes, cuts).calls.length;
      for (let call = 1; call <= calls; call++) {
        const recorder = new Recorder();
        decode(bytes, cuts, {
          recorder,
          prepare: (decoder) => {
            recorder.onCall = (count) => {
              if (count === call) decoder.lose();
            };
          },
        });
        expect(recorder.bytes.equals(bytes)).toBe(true);
        expect(recorder.calls.slice(call).every(({ kind }) => kind === 'raw')).toBe(true);
        expect(recorder.lostBecause).toEqual([]);
      }
    }
  });

  test('between any two chunks: what was held back comes out at once', () => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const recorder = decode(bytes, [cut], {
        after: (position, now, decoder) => {
          if (position !== cut) return;
          decoder.lose();
          decoder.lose();
          expect(decoder.isLost && !decoder.atBoundary).toBe(true);
          expect(now.bytesOut).toBe(position);
        },
      });
      expect(recorder.bytes.equals(bytes)).toBe(true);
      expect(recorder.lostBecause).toEqual([]);
    }
  });

  test('when told of the loss, as a connection does', () => {
    for (const [, why, side, broken_] of broken) {
      for (let cut = 0; cut <= broken_.length; cut++) {
        const recorder = new Recorder();
        decode(broken_, [cut], {
          opening: side,
          recorder,
          prepare: (decoder) => {
            const lost = recorder.lost.bind(recorder);
            recorder.lost = (reason) => {
              lost(reason);
              decoder.lose();
            };
          },
        });
        expect(recorder.bytes.equals(broken_)).toBe(true);
        expect(recorder.lostBecause).toEqual([why]);
      }
    }
  });
});

describe('the largest frame that is collected', () => {
  const MAX = 600;
  const sized = (size: number, type: 'method' | 'header'): Buffer =>
    type === 'header' ? frame(HEADER, 1, Buffer.alloc(size - 8, 1)) : method(1, 60, 40, Buffer.alloc(size - 12, 1));

  test.each(['method', 'header'] as const)('a %s of that size is handed on whole, cut anywhere', (type) => {
    const bytes = Buffer.concat([PROTOCOL, sized(MAX, type), heartbeat()]);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { calls, lostBecause } = decode(bytes, [cut], { maxFrame: MAX });
      expect(calls.filter(({ kind }) => kind === type).map((call) => call.bytes.length)).toEqual([MAX]);
      expect(lostBecause).toEqual([]);
    }
  });

  test.each(['method', 'header'] as const)('a %s one byte larger, cut: framing is lost, the bytes are not', (type) => {
    const bytes = Buffer.concat([PROTOCOL, sized(MAX + 1, type), heartbeat()]);
    for (let cut = 9; cut < 8 + MAX + 1; cut++) {
      const recorder = decode(bytes, [cut], { maxFrame: MAX });
      expect(recorder.lostBecause).toEqual(['frame']);
      expect(recorder.bytes.equals(bytes)).toBe(true);
    }
  });

  test('bodies and unobserved methods have none', () => {
    const frames = [body(1, Buffer.alloc(5 * MAX, 2)), method(1, 61, 7, Buffer.alloc(5 * MAX, 2)), heartbeat()];
    const bytes = Buffer.concat([PROTOCOL, ...frames]);
    const recorder = decode(bytes, everyByte(bytes.length), { maxFrame: MAX });
    expect(recorder.heard).toEqual(expected(PROTOCOL, frames));
    expect(recorder.lostBecause).toEqual([]);
  });

  test('a header of many chunks is collected', () => {
    const large = frame(HEADER, 1, Buffer.alloc(200_000, 7));
    const bytes = Buffer.concat([PROTOCOL, publish(1), large, method(1, 60, 80, u64(1), Buffer.of(0))]);
    const cuts = everyByte(bytes.length).filter((position) => position % 1000 === 0);
    const { heard } = decode(bytes, cuts);
    expect(heard.map(({ kind, bytes }) => [kind, bytes.length])).toEqual([
      ['raw', 8],
      ['method', publish(1).length],
      ['header', 200_008],
      ['method', 21],
    ]);
    expect(observed.has(0x3c0050)).toBe(true);
  });
});
