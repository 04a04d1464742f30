import { type Header } from '../../testing/wire.ts';
import { type Publish } from './ledger.ts';
/** Frames of a publish, as its app sends it and as it comes back. `number`: of the publish among all of a run. */
export interface Message {
    number: number;
    publish: Publish;
    method: Buffer;
    header: Header;
    bodies: Buffer[];
    /** its own trace context; '' without */
    traceId: string;
    parentSpanId: string;
    traceState: string;
    messageId: string;
    correlationId: string;
}
export declare function messageOf(publish: Publish, number: number): Message;
export declare const framesOf: ({ method, header, bodies }: Message) => Buffer[];
/** What goes to the broker; times and ids of ours as `textOf` blanks them. */
export declare function forwarded({ publish, method: frame, header, bodies }: Message): string[];
export declare const returnMethod: ({ publish: { channel, route } }: Message) => Buffer;
/** What comes back to an app that asked for it: what it sent. */
export declare const returned: (message: Message) => string[];
/** Trace and span of the context in a content header; '' without. */
export declare function contextOf(frame: Buffer): {
    traceId: string;
    spanId: string;
};
/** A frame that can be read in a failure. `now`: microseconds, the stamp of what passes just now. */
export declare function textOf(frame: Buffer, now?: number): string;
