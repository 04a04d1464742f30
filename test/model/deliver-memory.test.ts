import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { deliver } from '../../testing/peer-frames.ts';
import { createRig, handshake } from '../../testing/plane-rig.ts';
import { app } from './deliver-frames.ts';

// What counts and events cannot show: whether anything is kept of a delivery that has been settled.

const ROUNDS = 25_000;
const OPEN = 3;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of arrays that the data plane keeps its open messages in: the heap itself moves by more than they take. */
function bytesInUse(): number {
  const readings = Array.from({ length: 3 }, () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  });
  return Math.min(...readings);
}

const WAYS: Record<string, (tag: number) => Buffer> = {
  ack: (tag) => app.ack(1, tag, false),
  'ack multiple': (tag) => app.ack(1, tag, true),
  'nack to requeue': (tag) => app.nack(1, tag, false, true),
  nack: (tag) => app.nack(1, tag, false, false),
  'nack multiple': (tag) => app.nack(1, tag, true, false),
  'reject to requeue': (tag) => app.reject(1, tag, true),
  reject: (tag) => app.reject(1, tag, false),
};

test.each(Object.keys(WAYS))('a few open deliveries take as much memory however many were settled by %s', (way) => {
  const rig = createRig();
  handshake(rig, { consume: { tag: 'c', noAck: false } });
  const message = { exchange: 'orders', routingKey: 'new', body: 10 };
  let tag = 0;
  const passes = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      rig.broker.receive(deliver(message, 'c', ++tag));
      if (tag > OPEN) rig.app.receive(WAYS[way](tag - OPEN));
      if (tag % 1000 === 0) rig.emptyRing();
    }
  };
  passes(2000);
  const before = bytesInUse();
  passes(ROUNDS);
  // a time, a size and a tag kept of each would be more
  expect(bytesInUse() - before).toBeLessThan(ROUNDS * 16);
  rig.cells.close();
});
