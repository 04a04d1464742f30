/**
 * Of a broker by what it says it is, `product version`. RabbitMQ 3.9.0 to 3.9.7 never forget a mandatory publish to a
 * classic queue on a channel without confirms: the channel's memory grows for ever (rabbitmq-server #3560).
 */
export function leaksMandatory(broker: string): boolean {
  return /^RabbitMQ 3\.9\.[0-7](?!\d)/.test(broker);
}
