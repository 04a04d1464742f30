/**
 * What becomes of publishes by the words of docs/loss.md, kept in plain lists and written without a look at
 * how the data plane does it: this is what the data plane is compared with.
 */
export type Mode = 'off' | 'returns' | 'confirms';
export type Unknown = 'unconfirmed_at_close' | 'connection_lost' | 'channel_error';
export type Lost = 'unroutable' | 'nacked' | 'no_exchange' | 'access_refused' | 'too_large' | 'invalid';
/** Exchange and routing key, and what the configuration (configuration.ts) says of their messages. */
export interface Route {
    exchange: string;
    key: string;
    loss: Mode;
    /** no queue has to take it */
    expected: boolean;
    /** our headers go into it */
    propagates: boolean;
    /** every trace that begins with it is sampled */
    traced: boolean;
    /** over direct reply-to: returned and delivered alike, so a return of it says nothing */
    answers: boolean;
    /** its queues dead-letter what they refuse */
    spared: boolean;
}
/** One publish, as the app sends it. */
export interface Content {
    route: Route;
    mandatory: boolean;
    size: number;
    /** the trace context that it brings along */
    context: 'none' | 'unsampled' | 'sampled';
    /** an x-tracehare-sent that the app copied along, by its last bit */
    copied: 'none' | 'odd' | 'even';
    table: 'none' | 'empty' | 'own';
    named: boolean;
    /** its expiration is no number */
    expires: boolean;
}
export interface Publish extends Content {
    channel: Channel;
    /** position in its channel, from 1 */
    n: number;
    at: number;
    /** we asked for its return, the app did not */
    shadow: boolean;
    sampled: boolean;
    state: 'open' | 'success' | 'lost' | 'unknown' | 'none';
    /** a success that nobody has vouched for yet: neither the broker nor what it sent behind it */
    unproven: boolean;
    /** basic.return came in time */
    returned: boolean;
    /** basic.return came, in time or not */
    back: boolean;
}
interface Request {
    reply: 'qos' | 'confirm.select' | 'tx.select' | 'tx.commit' | 'tx.rollback' | 'close';
    /** publishes that passed before it */
    behind: number;
}
/** How a publish ended, as it is told. */
export interface End {
    outcome: 'success' | 'failed' | 'unknown';
    reason: string;
    confirmed: boolean;
    code: number;
    text: string;
}
export type Told = {
    what: 'ended';
    publish: Publish;
    end: End;
    number: number;
} | {
    what: 'lost';
    route: Route;
    channel: number;
    reason: string;
    key: string;
    of: Publish | undefined;
} | {
    what: 'blocked';
    blocked: boolean;
} | {
    what: 'channel closed';
    channel: number;
    by: string;
    code: number;
    text: string;
} | {
    what: 'connection closed';
    by: string;
    code: number;
    text: string;
};
export interface Channel {
    id: number;
    passed: Publish[];
    open: Publish[];
    mode: 'plain' | 'confirm' | 'tx';
    /** the confirms were selected by us */
    ours: boolean;
    /** publishes before confirm.select or tx.select: the broker's first tag is of the one behind these */
    selectedAt: number;
    /** publishes before the app's own confirm.select */
    appFrom: number;
    requests: Request[];
    /** publishes that the broker has read for sure: so many from the first on */
    read: number;
    /** closed by someone: what the app still sends is discarded */
    over: Unknown | undefined;
    /** `closing`: the app's close has gone out; `closed`: the broker's has come, and the app owes its close-ok */
    life: 'open' | 'holding' | 'closing' | 'closed';
}
export declare const RETURNED: {
    code: number;
    text: string;
};
export declare const topicOf: ({ exchange, key, answers }: Route) => string;
export declare class Ledger {
    #private;
    now: number;
    readonly limit: number;
    /** `what topic reason` and how often */
    readonly counts: Record<string, number>;
    /** since it was last looked at */
    told: Told[];
    readonly channels: Map<number, Channel>;
    /** waiting for the kernel, which takes nothing just now */
    flushing: Publish[];
    /** whether the socket to the broker holds bytes */
    behind: boolean;
    /** the broker has said that it does not read; when it has said last that it does again */
    blocked: boolean;
    resumed: number;
    /** how far the client may be shadowed */
    shadowing: Mode;
    /** the first connection.close */
    closing: {
        by: 'app' | 'broker';
        code: number;
        text: string;
    } | undefined;
    ended: boolean;
    constructor(limit: number);
    opened(id: number): Channel;
    /** confirm.select goes ahead of the channel's next publish, if it is of this route. */
    selectsAheadOf(channel: Channel, route: Route): boolean;
    published(channel: Channel, content: Content): Publish;
    /** The kernel took all there was. */
    flushed(): void;
    select(channel: Channel, mode: 'confirm' | 'tx'): void;
    asked(channel: Channel, reply: Request['reply']): void;
    /** The broker answers the oldest request. */
    answered(channel: Channel): void;
    confirmed(channel: Channel, tag: number, multiple: boolean, ack: boolean): void;
    /** The tag under which the app knows the broker's, -1: it knows nothing of it. */
    appTag(channel: Channel, tag: number): number;
    /** basic.return. True if the app gets it. */
    returned(publish: Publish): boolean;
    /** A second without a return, while nothing waits in our hands. */
    sweep(): void;
    /** connection.blocked or connection.unblocked. */
    blocks(blocked: boolean): void;
    /** The broker closes the channel because of a publish to `exchange`, of `size`, or that `expires`. */
    refused(channel: Channel, reason: Lost, { exchange, size, expires }: Suspects, end: Closing): void;
    /** The broker closes the channel because of the oldest request: it has read what was sent in front of that. */
    requestRefused(channel: Channel, end: Closing): void;
    brokerCloses(channel: Channel, { code, text }: Closing): void;
    /** connection.close of the broker: it drops what it has not read. */
    brokerGoes(closing: Closing): void;
    /** connection.close-ok of the broker: it has returned what it had to. */
    brokerAgrees(): void;
    /** Both sockets are gone. */
    cut(): void;
    /** Publishes of this channel, or of any (0), that only we await a confirm for. */
    awaitsShadow(id: number): boolean;
    conflict(): void;
}
/** What a refusal says of the publish that it is about. */
export interface Suspects {
    exchange?: string;
    size?: number;
    expires?: true;
}
export interface Closing {
    code: number;
    text: string;
}
export {};
