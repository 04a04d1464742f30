import { expect, test } from 'vitest';
import { deliver } from '../../testing/peer-frames.ts';
import { createRig, handshake } from '../../testing/plane-rig.ts';

// Deliveries that nobody acknowledges end when the kernel has taken them.

const TAG = 'amq.ctag-test';

/** An auto-ack consumer, all of whose deliveries are told of. */
function consumer() {
  const rig = createRig({ env: { OTEL_TRACES_SAMPLER: 'always_on' } });
  handshake(rig, { consume: { tag: TAG, noAck: true } });
  let tag = 0;
  return {
    app: rig.app,
    delivers: () => rig.broker.receive(deliver({ exchange: 'orders', routingKey: 'new', body: 10 }, TAG, ++tag)),
    ended: () => rig.events().flatMap((event) => (event.type === 'delivery.ended' ? [event.outcome] : [])),
    closes: () => rig.app.emit('close'),
  };
}

test('what the kernel took at once has ended', () => {
  const { delivers, ended } = consumer();
  delivers();
  expect(ended()).toEqual(['success']);
});

test('what a slow app makes the socket hold ends when the last byte is taken', () => {
  const { app, delivers, ended } = consumer();
  app.isSlow = true;
  delivers();
  const first = app.writableLength;
  delivers();
  expect(ended()).toEqual([]);
  expect(app.waiting).toHaveLength(2);
  // the first is taken, the second not
  app.writableLength -= first;
  app.waiting[0]();
  expect(ended()).toEqual([]);
  app.writableLength = 0;
  app.waiting[1]();
  expect(ended()).toEqual(['success', 'success']);
});

test('nothing is written to a socket that was ended while it held bytes', () => {
  const { app, delivers } = consumer();
  app.isSlow = true;
  delivers();
  delivers();
  const { length } = app.waiting;
  for (const told of app.waiting.slice()) told();
  expect(app.waiting).toHaveLength(length);
});

test('what the socket failed over did not get out', () => {
  const { app, delivers, ended, closes } = consumer();
  // as Node leaves it between a write that failed at once and the socket's end
  app.errored = new Error('write EPIPE');
  delivers();
  expect(ended()).toEqual([]);
  closes();
  expect(ended()).not.toContain('success');
});
