import type { Ending, Message, Operation } from './deliver-operations.ts';

// Stories of transactional channels that chance tells too rarely, each about something that went wrong once.

const message: Message = {
  exchange: 'orders',
  routingKey: 'a',
  size: 1,
  frames: 1,
  redelivered: false,
  context: 'none',
  traceState: false,
  age: undefined,
  death: undefined,
  offset: undefined,
  named: 'not',
};
const delivered: Operation = { do: 'deliver', messages: [{ to: 0, message }], pieces: 'whole' };
const acked: Operation = {
  do: 'settle',
  list: [{ how: 'ack', channel: 0, pick: 0, what: 'one', requeue: false }],
};
const rollback: Operation = { do: 'tx', channel: 1, what: 'rollback', answered: false };
const answers: Operation = { do: 'answer', channel: 1 };

export const KNOWN: [list: Operation[], end: { how: Ending; after: Operation[] }][] = [
  // what is rolled back counts as settled until the broker has read that
  [[delivered, acked, rollback, { do: 'broker cancels', pick: 0 }, answers], { how: 'app cut', after: [] }],
  [
    [delivered, acked, { do: 'recover', channel: 1, async: false, answered: false }, rollback, answers, acked],
    { how: 'app closes', after: [] },
  ],
];
