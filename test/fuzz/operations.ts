import fc from 'fast-check';

// What apps may do, legal or not. An operation names its connection and channel by number; what is impossible at that
// time (to settle where nothing was delivered) is left out.

/** `a` keeps what it has; `b` dead-letters; `c` is purged, deleted and declared anew; `none` is the name of no queue. */
export type Queue = 'a' | 'b' | 'c' | 'none';

export type Action =
  | { do: 'publish'; to: Queue; count: number; mandatory: boolean }
  | { do: 'confirm'; nowait: boolean }
  | { do: 'tx'; what: 'select' | 'commit' | 'rollback' }
  | { do: 'consume'; queue: Queue; tag: string; noAck: boolean; nowait: boolean }
  | { do: 'cancel'; pick: number; nowait: boolean }
  | { do: 'get'; queue: Queue; noAck: boolean }
  | { do: 'settle'; how: 'ack' | 'nack' | 'reject'; pick: number; multiple: boolean; requeue: boolean; again: boolean }
  | { do: 'recover' }
  | { do: 'close'; reopen: boolean }
  | { do: 'purge' }
  | { do: 'delete' }
  | { do: 'declare' }
  | { do: 'cut' }
  | { do: 'disconnect' }
  | { do: 'alarm'; on: boolean }
  | { do: 'refused'; by: 'expiration' | 'user-id' | 'no exchange' | 'immediate' }
  | { do: 'broken'; how: 'unopened channel' | 'bogus tag' | 'reused tag' | 'other declaration' | 'no queue' };

export interface Operation {
  connection: number;
  channel: number;
  /** the next operation is sent right behind, without waiting for what the broker makes of this one */
  hurry: boolean;
  action: Action;
}

const rarely = fc.constantFrom(false, false, false, true);
const pick = fc.nat(5);
const queue = fc.constantFrom<Queue>('a', 'a', 'b', 'c');
const just = <T extends string>(name: T) => fc.constant(name);

/** `alarms`: the broker stops and starts taking publishes, for all who use it. */
export function operations(alarms: boolean): fc.Arbitrary<Operation[]> {
  const weighted: { weight: number; arbitrary: fc.Arbitrary<Action> }[] = [
    {
      weight: 8,
      arbitrary: fc.record({
        do: just('publish'),
        to: fc.constantFrom<Queue>('a', 'a', 'b', 'c', 'none'),
        count: fc.integer({ min: 1, max: 4 }),
        mandatory: rarely,
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: just('confirm'), nowait: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: just('tx'), what: fc.constantFrom('select', 'commit', 'commit', 'rollback') }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: just('consume'),
        queue,
        tag: fc.constantFrom('', 'one', 'two'),
        noAck: rarely,
        nowait: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: just('cancel'), pick, nowait: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: just('get'), queue, noAck: rarely }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: just('settle'),
        how: fc.constantFrom('ack', 'ack', 'nack', 'reject'),
        pick,
        multiple: rarely,
        requeue: fc.boolean(),
        again: rarely,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: just('recover') }) },
    { weight: 2, arbitrary: fc.record({ do: just('close'), reopen: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constantFrom<Action>({ do: 'purge' }, { do: 'delete' }, { do: 'declare' }) },
    { weight: 1, arbitrary: fc.constantFrom<Action>({ do: 'cut' }, { do: 'disconnect' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: just('broken'),
        how: fc.constantFrom('unopened channel', 'reused tag', 'other declaration', 'no queue', 'bogus tag'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: just('refused'),
        by: fc.constantFrom('no exchange', 'immediate', 'expiration', 'user-id'),
      }),
    },
  ];
  if (alarms) weighted.push({ weight: 1, arbitrary: fc.record({ do: just('alarm'), on: fc.boolean() }) });
  const operation = fc.record({
    connection: fc.constantFrom(0, 0, 1),
    channel: fc.constantFrom(1, 1, 2),
    hurry: rarely,
    action: fc.oneof(...weighted),
  });
  return fc.array(operation, { minLength: 1, maxLength: 30, size: 'max' });
}

export const textOf = ({ connection, channel, hurry, action }: Operation): string =>
  `${connection}/${channel} ${JSON.stringify(action)}${hurry ? ', in a hurry' : ''}`;
