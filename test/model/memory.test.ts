import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { app, broker, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake } from '../../testing/plane-rig.ts';
import { until } from '../../testing/wait.ts';
import { bits, FRAME_END, method, short, u16, u64 } from '../../testing/wire.ts';

// That a publish which has ended still takes room is seen in no figure, only in memory: some 60 bytes of the
// data plane's typed arrays for each of them.

const ROUNDS = 10_000;
const LEAK_BYTES = 20;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const message = publish({ exchange: 'orders', routingKey: 'new', body: 10, mandatory: true });
/** What was forwarded last comes back. */
const returned = (forwarded: Uint8Array): Buffer =>
  Buffer.concat([
    method(1, 60, 50, u16(312), short('NO_ROUTE'), short('orders'), short('new')),
    forwarded.subarray(message.indexOf(FRAME_END) + 1),
  ]);
const nack = (tag: number, multiple: boolean): Buffer => method(1, 60, 120, u64(tag), bits(multiple, false));
const asks = (methodId: number): Buffer => method(1, 90, methodId);

interface Sides {
  app(frame: Uint8Array): void;
  broker(frame: Uint8Array): void;
  forwarded(): Uint8Array;
}

/** What goes before, and how the nth publish ends. */
const WAYS: Record<string, { first?: (sides: Sides) => void; ends: (sides: Sides, n: number) => void }> = {
  'an ack': { first: confirms, ends: ({ broker: b }, n) => b(broker.ack(n, false)) },
  'a nack': { first: confirms, ends: ({ broker: b }, n) => b(nack(n, false)) },
  'an ack of all': { first: confirms, ends: ({ broker: b }, n) => n % 100 === 0 && b(broker.ack(n, true)) },
  'a nack of all': { first: confirms, ends: ({ broker: b }, n) => n % 100 === 0 && b(nack(n, true)) },
  'acks from the last to the first': {
    first: confirms,
    ends: ({ broker: b }, n) => {
      if (n % 100 === 0) for (let tag = n; tag > n - 100; tag--) b(broker.ack(tag, false));
    },
  },
  'a return': { ends: ({ broker: b, forwarded }) => b(returned(forwarded())) },
  'a synchronous reply': {
    ends: ({ app: a, broker: b }) => {
      a(app.qos(1));
      b(method(1, 60, 11));
    },
  },
  'a commit': {
    first: transactions,
    ends: ({ app: a, broker: b }) => {
      a(asks(20));
      b(asks(21));
    },
  },
  'a rollback': {
    first: transactions,
    ends: ({ app: a, broker: b }) => {
      a(asks(30));
      b(asks(31));
    },
  },
};

function confirms({ app: a, broker: b }: Sides): void {
  a(app.confirmSelect);
  b(broker.confirmSelectOk);
}

function transactions({ app: a, broker: b }: Sides): void {
  a(asks(10));
  b(asks(11));
}

test.each(Object.keys(WAYS))('publishes that end by %s leave nothing behind', async (name) => {
  const { first, ends } = WAYS[name];
  const rig = createRig();
  handshake(rig);
  const sides: Sides = {
    app: (frame) => rig.app.receive(Buffer.from(frame)),
    broker: (frame) => rig.broker.receive(Buffer.from(frame)),
    forwarded: () => rig.broker.last,
  };
  first?.(sides);
  const rounds = (from: number, to: number): void => {
    for (let n = from + 1; n <= to; n++) {
      sides.app(message);
      ends(sides, n);
      if (n % 100 === 0) rig.emptyRing();
    }
  };
  rounds(0, 1000);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  rounds(1000, 1000 + ROUNDS);
  // what was collected is given back a little later
  await until(
    async () => {
      collect();
      return process.memoryUsage().arrayBuffers - before < ROUNDS * LEAK_BYTES;
    },
    () => `what they took is given back: ${process.memoryUsage().arrayBuffers - before} B`,
    20_000,
  );
});
