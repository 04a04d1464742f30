// How often a broker delivers a message, by what it says it is, `product version` (docs/broker-facts.md#delivery-limit).

function versionOf(broker: string): [major: number, minor: number] | undefined {
  const [, major, minor] = /^RabbitMQ (\d+)\.(\d+)/.exec(broker) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

/** The limit of a quorum queue that declares none: a message goes out once more than this. Infinity: there is none. */
export function defaultDeliveryLimit(broker: string): number {
  const [major] = versionOf(broker) ?? [0];
  return major >= 4 ? 20 : Number.POSITIVE_INFINITY;
}

/** Whether a basic.nack that requeues counts towards the limit, as basic.reject does. */
export function nackCountsDelivery(broker: string): boolean {
  const [major, minor] = versionOf(broker) ?? [0, 0];
  return major < 4 || (major === 4 && minor < 3);
}
