import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
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
export async function createVhost(broker: SharedBroker = inject('broker')): Promise<Vhost> {
  const management = new ManagementApi(broker.managementPort);
  const name = `test-${randomBytes(6).toString('hex')}`;
  await management.createVhost(name);
  return {
    name,
    port: broker.port,
    management,
    url: (port = broker.port) => `amqp://guest:guest@127.0.0.1:${port}/${name}`,
    remove: () => management.deleteVhost(name),
  };
}
