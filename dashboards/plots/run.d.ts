import { type Prometheus } from '../../testing/prometheus.ts';
/**
 * The demo's apps and sidecars with a Prometheus beside them, for `seconds`; `then` is called with what
 * Prometheus has of it, while all is still running.
 */
export declare function withDemo(seconds: number, then: (prometheus: Prometheus) => Promise<void>): Promise<void>;
