import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { deliver, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type NullSocket } from '../../testing/plane-rig.ts';

// A rate limit stops the reading for a while, and so does a socket that can't take more. Whichever of the
// two ends first must not end the other's.

const folder = temporaryFolder('paced');
const config = join(folder.path, 'rules.yml');
beforeAll(() => writeFileSync(config, 'rules: [{ match: { exchange: slow }, rateLimit: 10 }]\n'));
afterAll(() => folder.remove());
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const MESSAGE = { exchange: 'slow', routingKey: 'a', body: 10 };
/** More than the limit lets pass at once, in one chunk. */
const MESSAGES = 3;

/** A connection one side of which sends faster than its limit. */
function paced(side: 'app' | 'broker') {
  const rig = createRig({ args: ['--config', config] });
  handshake(rig, { consume: { tag: 'c', noAck: false } });
  const from = rig[side];
  const to = (side === 'app' ? rig.broker : rig.app) as NullSocket & { writableNeedDrain?: boolean };
  const state = { isRead: true };
  vi.spyOn(from, 'pause').mockImplementation(() => {
    state.isRead = false;
    return from;
  });
  vi.spyOn(from, 'resume').mockImplementation(() => {
    state.isRead = true;
    return from;
  });
  let tag = 0;
  return {
    isRead: () => state.isRead,
    bytes: () => to.bytesWritten,
    sends() {
      const messages = Array.from({ length: MESSAGES }, () =>
        side === 'app' ? publish(MESSAGE) : deliver(MESSAGE, 'c', ++tag),
      );
      from.receive(Buffer.concat(messages));
    },
    fills() {
      to.writableNeedDrain = true;
    },
    drains() {
      to.writableNeedDrain = false;
      to.emit('drain');
    },
    /** until the limit holds nothing back any more */
    waitsLong: () => vi.advanceTimersByTime(10_000),
  };
}

describe.each(['app', 'broker'] as const)('what the %s sends too fast', (side) => {
  test('is read on when the limit lets it', () => {
    const { sends, isRead, bytes, waitsLong } = paced(side);
    sends();
    expect(isRead()).toBe(false);
    const first = bytes();
    waitsLong();
    expect(bytes()).toBeGreaterThan(first);
    expect(isRead()).toBe(true);
  });

  test('waits on when the limit lets it and the other side is full', () => {
    const { sends, fills, drains, isRead, waitsLong } = paced(side);
    sends();
    fills();
    waitsLong();
    expect(isRead()).toBe(false);
    drains();
    expect(isRead()).toBe(true);
  });

  test('waits on when the other side has room again and the limit does not let it', () => {
    const { sends, fills, drains, isRead, waitsLong } = paced(side);
    sends();
    fills();
    drains();
    expect(isRead()).toBe(false);
    waitsLong();
    expect(isRead()).toBe(true);
  });
});
