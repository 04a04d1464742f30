import { type Prometheus } from './prometheus.ts';
import type { SharedBroker } from './shared-broker.ts';
import { type Tracehare } from './tracehare.ts';
import { type Vhost } from './vhost.ts';
export interface ObservedTrafficOptions {
    /** rule files (paths): as they are they need hours, see `shortened` */
    rules?: string[];
    /** `host:port` of an Alertmanager that gets the alerts */
    alertmanager?: string;
    /** further sidecars to scrape, `host:port` of their admin servers */
    targets?: string[];
    /** default: the shared one */
    broker?: SharedBroker;
}
/** What the apps did, counted by themselves; grows. Where it says so, something is still on its way. */
export interface AppsCount {
    /** into exchange `orders`: some 80 a second */
    published: number;
    /** of these, those that no queue gets */
    unroutable: number;
    /** by the consumer of `orders`, all of them settled */
    acked: number;
    rejected: number;
    /** nacked with requeue, once each, delivered again and acked then */
    requeued: number;
    /** out of the queue `morgue`, where those that `mortal` rejects go, and acked there */
    dead: number;
    /** out of `stuck`, and never settled */
    stuck: number;
    /** out of `poisoned`: one message that is nacked with requeue each time it comes */
    poisoned: number;
    /** into the queue `hasty`; their channel closes before most confirms come, and the sidecar can't know */
    unawaited: number;
    /** connections that speak HTTP to the sidecar */
    foreign: number;
}
export interface ObservedTraffic {
    prometheus: Prometheus;
    /**
     * `publisher` (all publishers) and `consumer` (all consumers) belong to the pipeline `shop`. The
     * consumer's OTLP endpoint refuses spans; the publisher knows at most 12 topics. `lonely` has an
     * upstream that does not exist, is bypassed, has a fault to inject, and has refused its newest configuration.
     */
    sidecars: {
        publisher: Tracehare;
        consumer: Tracehare;
        lonely: Tracehare;
    };
    vhost: Vhost;
    count: Readonly<AppsCount>;
    /** Ends the apps, and resolves once they have said good-bye; figures stay as they are. */
    quiet(): Promise<void>;
    /** Ends everything. */
    stop(): Promise<void>;
}
/**
 * Three sidecars under traffic with known faults, and a Prometheus that scrapes them every 500 ms with
 * exemplars on. The faults: wrong routing keys, rejects, requeues and their redeliveries, dead letters, a
 * poisoned message, a consumer that settles nothing, one that is slower than its publisher (`slow`), channels
 * that close before their confirms come, connections that are no AMQP, more topics than the limit.
 * `npm run build` comes first. To be used in a file's beforeAll:
 *
 *     traffic = await startObservedTraffic({ rules });
 *     await until(async () => (await traffic.prometheus.query(expression)).length > 0, 'it shows');
 *     afterAll(() => traffic?.stop());
 *
 * Every figure is there within some seconds; wait for it with `until`, and give that 60 s. It takes
 * 2 or 3 s to start. What it publishes goes on until `quiet` or `stop`, whatever the broker does.
 */
export declare function startObservedTraffic(options?: ObservedTrafficOptions): Promise<ObservedTraffic>;
/** A rule file (its text) whose windows fill within seconds: minutes become seconds, days too. */
export declare function shortened(rules: string): string;
