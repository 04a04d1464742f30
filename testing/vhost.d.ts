import { ManagementApi } from './management.ts';
import type { SharedBroker } from './shared-broker.ts';
/** A vhost that only its creator knows; guest may do everything in it. */
export interface Vhost {
    name: string;
    /** the broker's port on 127.0.0.1 */
    port: number;
    management: ManagementApi;
    /** with guest's credentials, direct, or through whoever listens on `port` */
    url(port?: number): string;
    /** Removes it with all that is in it and closes the connections to it. */
    remove(): Promise<void>;
}
/** On the shared broker if no other is given. */
export declare function createVhost(broker?: SharedBroker): Promise<Vhost>;
