import fc from 'fast-check';

// What may happen on a connection that consumes. Where an operation says `pick`, it means one of those there
// are at that time (modulo their number); one that is impossible at that time is left out.

/** Content and names of one message. */
export interface Message {
  exchange: string;
  routingKey: string;
  size: number;
  frames: number;
  redelivered: boolean;
  context: 'none' | 'sampled' | 'unsampled';
  traceState: boolean;
  /** seconds since its publish; undefined: not stamped */
  age: number | undefined;
  /** its x-death; it 'died' before or after its publish: an app may publish what it got with all its headers */
  death: { queue: string; reason: string; died: 'before' | 'after' } | undefined;
  /** its x-stream-offset: out of a stream, or copied by an app */
  offset: number | undefined;
  named: 'not' | 'messageId' | 'both';
}

export interface Settlement {
  how: 'ack' | 'nack' | 'reject';
  /** of the channels that have open deliveries, and of their tags */
  channel: number;
  pick: number;
  /** 'one'; all up to it; all there are (tag 0); 'again': one that a `multiple` has settled before */
  what: 'one' | 'up to' | 'all' | 'again';
  requeue: boolean;
}

/** `answered`: the broker answers all that it is asked on the channel. */
export type Operation =
  | { do: 'open channel'; channel: number }
  | { do: 'declare' | 'delete'; channel: number; queue: string; nowait: boolean; answered: boolean }
  | {
      do: 'consume';
      channel: number;
      queue: string;
      tag: string;
      noAck: boolean;
      nowait: boolean;
      answered: boolean;
    }
  | { do: 'deliver'; messages: { to: number; message: Message }[]; pieces: 'whole' | 'woven' | 'crumbs' }
  | { do: 'get'; channel: number; queue: string; noAck: boolean; found: Message | undefined; answered: boolean }
  | { do: 'settle'; list: Settlement[] }
  | { do: 'recover'; channel: number; async: boolean; answered: boolean }
  | { do: 'cancel'; pick: number; nowait: boolean; answered: boolean }
  | { do: 'broker cancels'; pick: number }
  | { do: 'tx'; channel: number; what: 'select' | 'commit' | 'rollback'; answered: boolean }
  | { do: 'answer'; channel: number }
  | { do: 'close channel'; channel: number; answered: boolean }
  | { do: 'broker closes channel'; channel: number; late: Settlement['how'] | undefined }
  | { do: 'kernel'; takes: 'nothing' | 'some' | 'all' }
  | { do: 'time passes'; ms: number }
  | { do: 'look' };

export type Ending = 'app closes' | 'broker closes' | 'app cut' | 'app ends, then cut' | 'broker cut';

const rarely = fc.constantFrom(false, false, false, true);
const mostly = fc.constantFrom(true, true, true, false);
const channel = fc.constantFrom(1, 1, 1, 2, 3);
const pick = fc.nat(11);
const queue = fc.constantFrom('jobs', 'mail', 'kept', 'buried', 'log', '');

const message: fc.Arbitrary<Message> = fc.record({
  exchange: fc.constantFrom('orders', '', 'picky'),
  routingKey: fc.constantFrom('a', 'b'),
  size: fc.constantFrom(1, 0, 10, 100),
  frames: fc.constantFrom(1, 1, 2),
  redelivered: rarely,
  context: fc.constantFrom('none', 'sampled', 'unsampled', 'sampled'),
  traceState: rarely,
  age: fc.constantFrom(undefined, 0.02, 0.02, 0.3, 4, -1),
  death: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    { queue: 'mail', reason: 'rejected', died: 'after' },
    { queue: 'other', reason: 'expired', died: 'after' },
    { queue: 'jobs', reason: 'expired', died: 'before' },
  ),
  offset: fc.constantFrom(undefined, undefined, undefined, 3, 4, 5),
  named: fc.constantFrom('not', 'not', 'messageId', 'both'),
});

const settlement: fc.Arbitrary<Settlement> = fc.record({
  how: fc.constantFrom('ack', 'ack', 'nack', 'reject'),
  channel: pick,
  pick,
  what: fc.constantFrom('one', 'one', 'one', 'up to', 'all', 'all', 'again'),
  requeue: fc.boolean(),
});

const just = <T extends string>(name: T) => fc.constant(name);

const deliver: fc.Arbitrary<Operation> = fc.record({
  do: just('deliver'),
  messages: fc.array(fc.record({ to: pick, message }), { minLength: 1, maxLength: 5 }),
  pieces: fc.constantFrom('whole', 'whole', 'woven', 'crumbs'),
});
const settle: fc.Arbitrary<Operation> = fc.record({
  do: just('settle'),
  list: fc.array(settlement, { minLength: 1, maxLength: 4 }),
});
const consume: fc.Arbitrary<Operation> = fc.record({
  do: just('consume'),
  channel,
  queue,
  tag: fc.constantFrom('c1', 'another-consumer', ''),
  noAck: rarely,
  nowait: rarely,
  answered: mostly,
});

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: deliver },
  { weight: 6, arbitrary: settle },
  { weight: 3, arbitrary: consume },
  fc.record({ do: just('open channel'), channel }),
  fc.record({
    do: just('declare'),
    channel,
    queue: fc.constantFrom('jobs', 'buried', 'log'),
    nowait: fc.boolean(),
    answered: mostly,
  }),
  fc.record({
    do: just('delete'),
    channel,
    queue: fc.constantFrom('jobs', 'buried', 'mail'),
    nowait: fc.boolean(),
    answered: mostly,
  }),
  fc.record({
    do: just('get'),
    channel,
    queue,
    noAck: rarely,
    found: fc.option(message, { nil: undefined, freq: 4 }),
    answered: mostly,
  }),
  fc.record({ do: just('recover'), channel, async: fc.boolean(), answered: mostly }),
  fc.record({ do: just('cancel'), pick, nowait: fc.boolean(), answered: mostly }),
  fc.record({ do: just('broker cancels'), pick }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: just('tx'),
      channel,
      what: fc.constantFrom('select', 'commit', 'commit', 'rollback'),
      answered: mostly,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: just('answer'), channel }) },
  fc.record({ do: just('close channel'), channel, answered: mostly }),
  fc.record({
    do: just('broker closes channel'),
    channel,
    late: fc.constantFrom(undefined, 'ack', 'nack'),
  }),
  { weight: 2, arbitrary: fc.record({ do: just('kernel'), takes: fc.constantFrom('nothing', 'some', 'all') }) },
  // longer than runs of messages in flight are told apart by, and shorter or longer than what is recent
  { weight: 2, arbitrary: fc.record({ do: just('time passes'), ms: fc.constantFrom(30, 400, 5000) }) },
  fc.record({ do: just('look') }),
);

export const operations = fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' });
export const ending: fc.Arbitrary<{ how: Ending; after: Operation[] }> = fc.record({
  how: fc.constantFrom('app cut', 'app closes', 'broker closes', 'app ends, then cut', 'broker cut'),
  // while one of the two is gone already
  after: fc.array(deliver, { maxLength: 2 }),
});
