import type { EventHook, PublishHook } from 'tracehare';
/** Shown as tracehare_plugin_count_total{plugin="tenant",counter=…}. */
export declare const counters: string[];
/** Adds the header x-tenant by vhost, and counts messages whose body is larger than option bigBytes. */
export declare const onPublish: PublishHook;
/** Counts publishes that were lost: events of failed messages come whether they are sampled or not. */
export declare const onEvent: EventHook;
