import { OTEL_BOUNDS } from '../metrics/families.ts';
import type { CellMetric } from './declaration.ts';
import type { Labels } from './groups.ts';

/** Where an only upstream is; with several, a topic's figures belong to no single one. */
export interface ServerAddress {
  address: string;
  port: number;
}

const LABELS = [
  'messaging_system',
  'messaging_operation_name',
  'messaging_operation_type',
  'messaging_destination_template',
  'error_type',
  'server_address',
  'server_port',
] as const;

/** The same facts under the names of OpenTelemetry's messaging conventions, off the same cells. */
export function openTelemetryMetrics(server: ServerAddress | undefined): CellMetric[] {
  const labels = (operation: string, topic: string, error = ''): Labels => ({
    messaging_system: 'rabbitmq',
    messaging_operation_name: operation,
    messaging_operation_type: operation === 'publish' ? 'send' : operation,
    messaging_destination_template: topic,
    ...(error === '' ? {} : { error_type: error }),
    ...(server === undefined ? {} : { server_address: server.address, server_port: String(server.port) }),
  });
  const publish = ({ topic, error, reason }: Labels) => labels('publish', topic, error ?? reason);
  return [
    {
      name: 'messaging_client_operation_duration_seconds',
      help: "Publish to the broker's answer, or without confirms until its last byte was flushed.",
      type: 'histogram',
      labels: LABELS,
      bounds: OTEL_BOUNDS,
      from: [{ family: 'sent', labels: publish }],
    },
    {
      name: 'messaging_process_duration_seconds',
      help: 'Delivery to settlement, not under automatic acknowledgement.',
      type: 'histogram',
      labels: LABELS,
      bounds: OTEL_BOUNDS,
      from: [{ family: 'processing', labels: ({ topic, error }) => labels('process', topic, error) }],
    },
    {
      name: 'messaging_client_sent_messages_total',
      help: 'Publishes that ended; error_type is the reason of a loss, of a nack or of an outcome that cannot be known.',
      type: 'counter',
      labels: LABELS,
      from: [
        { family: 'outcomes', labels: publish, only: ({ side, status }) => side === 'publish' && status === 'success' },
        { family: 'lost', labels: publish, only: ({ side }) => side === 'publish' },
        { family: 'spared', labels: ({ topic }) => labels('publish', topic, 'nacked') },
        { family: 'unknown', labels: publish, only: ({ side }) => side === 'publish' },
        { family: 'unrouted_expected', labels: publish },
      ],
    },
    {
      name: 'messaging_client_consumed_messages_total',
      help: 'Messages handed to the app: delivered (process) or got (receive).',
      type: 'counter',
      labels: LABELS,
      from: [
        {
          family: 'passed',
          labels: ({ topic, operation }) => labels(operation, topic),
          only: ({ operation }) => operation !== 'publish',
        },
      ],
    },
  ];
}
