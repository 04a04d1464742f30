import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { LossLog } from '../../src/telemetry/loss/log.ts';
/** The log as it is after these events. */
export declare function logged(events: LifecycleEvent[], capacity?: number): LossLog;
