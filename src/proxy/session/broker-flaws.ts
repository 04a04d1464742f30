/**
 * Whether a broker, by the `product version` that it says it is, has this flaw: RabbitMQ 3.9.0 to 3.9.7 never forget a
 * mandatory publish to a classic queue on a channel without confirms, so the channel's memory grows for ever
 * (rabbitmq-server #3560).
 */
export function leaksMandatory(broker: string): boolean {
  return /^RabbitMQ 3\.9\.[0-7](?!\d)/.test(broker);
}

/**
 * Whether a broker answers a mandatory publish without a queue otherwise than one that is not mandatory: Apache Qpid
 * Broker-J nacks it where confirms are selected (it acks the other), and closes the connection in a transaction.
 */
export function punishesMandatory(broker: string): boolean {
  return /^Apache Qpid Broker-J\b/.test(broker);
}
