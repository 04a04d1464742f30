import { type Tracehare } from '../../testing/tracehare.ts';
import { type Vhost } from '../../testing/vhost.ts';
import { App } from './apps.ts';
import { Count, type Setting } from './figures.ts';
import { Ledger } from './ledger.ts';
import { type Link } from './pipe.ts';
/** An app's connection with what passed on it. */
export interface Place {
    app: App;
    ledger: Ledger;
    link: Link;
}
/** Apps, a sidecar, a pipe that keeps the ledgers, a vhost of the broker: in this order. */
export declare class Site {
    #private;
    readonly vhost: Vhost;
    readonly sidecar: Tracehare;
    readonly setting: Setting;
    readonly ledgers: Ledger[];
    private constructor();
    static start(): Promise<Site>;
    /** Options as amqplib takes them in its URL. */
    open(options?: string): Promise<Place>;
    /** In order. Its ledger is complete then. */
    close({ app, link, ledger }: Place): Promise<void>;
    /**
     * Kills an app's connection at a moment at which it is certain what the sidecar knows: it has read
     * all that was handed to it, and gets no more. `burst` is what the app does last; what of it still
     * passes is up to the sockets. Its ledger is complete then.
     */
    kill({ app, link, ledger }: Place, how: 'FIN' | 'RST', inside: number, burst?: () => Promise<void>): Promise<void>;
    /** What is on all ledgers. */
    total(): Count;
    /** Bytes that the sidecar was given to hand on to apps. */
    get bytesDown(): number;
    get published(): number;
    get unsettled(): number;
    stop(): Promise<void>;
}
