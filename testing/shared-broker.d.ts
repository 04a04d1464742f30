import type { TestProject } from 'vitest/node';
/** What test files know of the one broker that the whole run shares. */
export interface SharedBroker {
    port: number;
    managementPort: number;
}
declare module 'vitest' {
    interface ProvidedContext {
        broker: SharedBroker;
    }
}
/** vitest's globalSetup: the broker lives as long as the run. */
export default function setup(project: TestProject): Promise<() => Promise<void>>;
