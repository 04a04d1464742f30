/** What OTLP calls a metric or an attribute: the conventions' own names where a metric is under those, else as in a scrape. */
export interface MetricName {
  name: string;
  unit: string;
  attributes: (label: string, value: string) => [string, string | number];
}

const CONVENTIONAL: Readonly<Record<string, readonly [name: string, unit: string]>> = {
  messaging_client_operation_duration_seconds: ['messaging.client.operation.duration', 's'],
  messaging_process_duration_seconds: ['messaging.process.duration', 's'],
  messaging_client_sent_messages_total: ['messaging.client.sent.messages', '{message}'],
  messaging_client_consumed_messages_total: ['messaging.client.consumed.messages', '{message}'],
};

const KEYS: Readonly<Record<string, string>> = {
  messaging_system: 'messaging.system.name',
  messaging_operation_name: 'messaging.operation.name',
  messaging_operation_type: 'messaging.operation.type',
  messaging_destination_template: 'messaging.destination.template',
  error_type: 'error.type',
  server_address: 'server.address',
  server_port: 'server.port',
};

export function metricName(scraped: string): MetricName {
  const conventional = CONVENTIONAL[scraped];
  if (conventional === undefined)
    return { name: scraped, unit: unitOf(scraped), attributes: (label, value) => [label, value] };
  const [name, unit] = conventional;
  const attributes = (label: string, value: string): [string, string | number] => {
    const key = KEYS[label] ?? label;
    return [key, key === 'server.port' ? Number(value) : value];
  };
  return { name, unit, attributes };
}

function unitOf(name: string): string {
  const base = name.replace(/_total$/, '');
  if (base.endsWith('_seconds')) return 's';
  return base.endsWith('_bytes') ? 'By' : '';
}
