import fc from 'fast-check';
/** `a` keeps what it has; `b` dead-letters; `c` is purged, deleted and declared anew; `none` is the name of no queue. */
export type Queue = 'a' | 'b' | 'c' | 'none';
export type Action = {
    do: 'publish';
    to: Queue;
    count: number;
    mandatory: boolean;
} | {
    do: 'confirm';
    nowait: boolean;
} | {
    do: 'tx';
    what: 'select' | 'commit' | 'rollback';
} | {
    do: 'consume';
    queue: Queue;
    tag: string;
    noAck: boolean;
    nowait: boolean;
} | {
    do: 'cancel';
    pick: number;
    nowait: boolean;
} | {
    do: 'get';
    queue: Queue;
    noAck: boolean;
} | {
    do: 'settle';
    how: 'ack' | 'nack' | 'reject';
    pick: number;
    multiple: boolean;
    requeue: boolean;
    again: boolean;
} | {
    do: 'recover';
} | {
    do: 'close';
    reopen: boolean;
} | {
    do: 'purge';
} | {
    do: 'delete';
} | {
    do: 'declare';
} | {
    do: 'cut';
} | {
    do: 'disconnect';
} | {
    do: 'alarm';
    on: boolean;
} | {
    do: 'refused';
    by: 'expiration' | 'user-id' | 'no exchange' | 'immediate';
} | {
    do: 'broken';
    how: 'unopened channel' | 'bogus tag' | 'reused tag' | 'other declaration' | 'no queue';
};
export interface Operation {
    connection: number;
    channel: number;
    /** the next operation is sent right behind, without waiting for what the broker makes of this one */
    hurry: boolean;
    action: Action;
}
/** Kinds of operations that can be left out, each by a name. */
export declare const TOPICS: readonly ['double-settle', 'nowait-consumer', 'refused', 'alarm'];
export type Topic = (typeof TOPICS)[number];
export declare function operations(topics: readonly Topic[]): fc.Arbitrary<Operation[]>;
export declare const textOf: ({ connection, channel, hurry, action }: Operation) => string;
