import type { TestProject } from 'vitest/node';
import { startRabbitMQ } from './rabbitmq.ts';

/** What test files know of the one broker that the whole run shares. */
export interface SharedBroker {
  port: number;
  managementPort: number;
}

declare module 'vitest' {
  export interface ProvidedContext {
    broker: SharedBroker;
  }
}

/** vitest's globalSetup: the broker lives as long as the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const broker = await startRabbitMQ();
  project.provide('broker', { port: broker.port, managementPort: broker.management.port });
  return () => broker.stop();
}
