import type { EventHook, PublishHook } from 'tracehare';

/** Shown as tracehare_plugin_count_total{plugin="tenant",counter=…}. */
export const counters = ['big_messages', 'failed_publishes'];

/** Adds the header x-tenant by vhost, and counts messages whose body is larger than option bigBytes. */
export const onPublish: PublishHook = ({ vhost, bodySize }, { options, count }) => {
  if (bodySize > Number(options.bigBytes)) count('big_messages');
  const tenant = (options.tenants as Record<string, string>)[vhost];
  return tenant === undefined ? undefined : { headers: { add: { 'x-tenant': tenant } } };
};

/** Counts publishes that were lost: events of failed messages come whether they are sampled or not. */
export const onEvent: EventHook = (event, { count }) => {
  if (event.type === 'publish.ended' && event.outcome === 'failed') count('failed_publishes');
};
