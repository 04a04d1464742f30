import fc from 'fast-check';
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
    death: {
        queue: string;
        reason: string;
        died: 'before' | 'after';
    } | undefined;
    /** its x-stream-offset: out of a stream, or copied by an app */
    offset: number | undefined;
    named: 'not' | 'messageId' | 'both';
}
export interface Settlement {
    how: 'ack' | 'nack' | 'reject';
    /** of the channels that have open deliveries, and of their tags */
    channel: number;
    pick: number;
    /** 'one'; all up to it; all there are (tag 0); and what no broker has to take: a tag settled before, one never given, none */
    what: 'one' | 'up to' | 'all' | 'again' | 'unknown' | 'none';
    requeue: boolean;
}
/** `answered`: the broker answers all that it is asked on the channel. */
export type Operation = {
    do: 'open channel';
    channel: number;
} | {
    do: 'declare' | 'delete';
    channel: number;
    queue: string;
    nowait: boolean;
    answered: boolean;
} | {
    do: 'consume';
    channel: number;
    queue: string;
    tag: string;
    noAck: boolean;
    nowait: boolean;
    answered: boolean;
} | {
    do: 'deliver';
    messages: {
        to: number;
        message: Message;
    }[];
    pieces: 'whole' | 'woven' | 'crumbs';
} | {
    do: 'get';
    channel: number;
    queue: string;
    noAck: boolean;
    found: Message | undefined;
    answered: boolean;
} | {
    do: 'settle';
    list: Settlement[];
} | {
    do: 'recover';
    channel: number;
    async: boolean;
    answered: boolean;
} | {
    do: 'cancel';
    pick: number;
    nowait: boolean;
    answered: boolean;
} | {
    do: 'broker cancels';
    pick: number;
} | {
    do: 'tx';
    channel: number;
    what: 'select' | 'commit' | 'rollback';
    answered: boolean;
} | {
    do: 'answer';
    channel: number;
} | {
    do: 'close channel';
    channel: number;
    answered: boolean;
} | {
    do: 'broker closes channel';
    channel: number;
    late: Settlement['how'] | undefined;
} | {
    do: 'kernel';
    takes: 'nothing' | 'some' | 'all';
} | {
    do: 'time passes';
    ms: number;
} | {
    do: 'look';
};
export type Ending = 'app closes' | 'broker closes' | 'app cut' | 'app ends, then cut' | 'broker cut';
export declare const operations: fc.Arbitrary<Operation[]>;
export declare const ending: fc.Arbitrary<{
    how: Ending;
    after: Operation[];
}>;
