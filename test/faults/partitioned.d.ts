import { type Tracehare } from '../../testing/tracehare.ts';
import { type Vhost } from '../../testing/vhost.ts';
/** A vhost, and a sidecar whose upstream is partitioned again and again; `attributes` as in the configuration. */
export declare function startPartitioned(attributes: string): Promise<{
    vhost: Vhost;
    sidecar: Tracehare;
}>;
