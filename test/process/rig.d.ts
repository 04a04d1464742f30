import { type ChannelModel } from 'amqplib';
import { type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { type Vhost } from '../../testing/vhost.ts';
export interface Rig {
    vhost: Vhost;
    sidecar: Tracehare;
    /** an app through the sidecar; its errors are what the test waits for */
    app(): Promise<ChannelModel>;
    /** past it */
    aside(): Promise<ChannelModel>;
}
/**
 * A sidecar and a vhost for one test; `port` is the upstream's, the shared broker's if it is not
 * given. A configuration that has an upstream decides itself.
 */
export declare function startRig(options?: TracehareOptions & {
    port?: number;
}): Promise<Rig>;
/** Bodies that a queue holds, in order; they are taken out, past the sidecar. */
export declare function stored(rig: Rig, queue: string): Promise<string[]>;
/** Until the sidecar knows of no connection. */
export declare function idle(sidecar: Tracehare): Promise<void>;
