import type { EventBus } from '../../events/bus.ts';
import type { DeliveryEnded, MessageLost, PublishEnded } from '../../events/lifecycle.ts';
import { eventOf, LOST, SPARED } from '../../events/passage.ts';
import { ConnectionTable } from '../connections.ts';
import { type Environment, wantedPushers } from '../traces/environment.ts';
import { destinationName, KEY, OWN } from './attributes.ts';
import type { TracingLog } from './diagnostics.ts';

export type Severity = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Something worth a log record, before it is one. */
export interface Told {
  /** what kind of event it is, by a name that stays */
  event: string;
  severity: Severity;
  body: string;
  attributes: Record<string, string | number | boolean | string[]>;
  /** microseconds since the epoch */
  at: number;
  /** hex, '' where there is none */
  traceId: string;
  spanId: string;
  sampled: boolean;
}

/** Counts of log records since the start; with several exporters a record counts once for each. */
export interface LogFigures {
  exported: number;
  /** the queue was full, the export failed, or the process ended first */
  dropped: number;
}

/** Log records on their way to whoever the OTEL_* variables name. Never waits, never throws. */
export interface LogRecords {
  /** nobody wants any */
  readonly isQuiet: boolean;
  tell(told: Told): void;
  figures(): LogFigures;
  /** Flushes for at most five seconds; what is left then counts as dropped. Never rejects. */
  shutdown(): Promise<void>;
}

export interface LogRecordOptions {
  /** `process.env`: parts of it are read by the SDK itself, from there. */
  env: Environment;
  /** Tracehare's, for service.version. */
  version: string;
  /** service.instance.id, unless OTEL_RESOURCE_ATTRIBUTES say another */
  instance?: string;
  log: TracingLog;
}

export const NO_RECORDS: LogRecords = {
  isQuiet: true,
  tell() {},
  figures: () => ({ exported: 0, dropped: 0 }),
  shutdown: async () => {},
};

/** The SDK is loaded here and only if log records go anywhere. Rejects with a clear line if the variables are wrong. */
export async function createLogRecords(options: LogRecordOptions): Promise<LogRecords> {
  const names = wantedPushers(options.env, 'LOGS', options.log);
  if (names.length === 0) return NO_RECORDS;
  const { startLogRecords } = await import('./log-queues.ts');
  return startLogRecords(names, options);
}

/** Definite losses, one record each, with the trace that the message belongs to. */
export function tellLosses(bus: EventBus, records: LogRecords): void {
  if (records.isQuiet) return;
  const connections = new ConnectionTable();
  for (const type of ['connection.opened', 'connection.identified', 'connection.closed'] as const) {
    bus.on(type, (event) => connections.observe(event));
  }
  bus.onPassage((passage) => {
    const isPublish = passage.names.via === 'publish';
    if (isPublish ? passage.outcome !== 'failed' || (passage.bits & SPARED) !== 0 : (passage.bits & LOST) === 0) return;
    const event = eventOf(passage);
    const { bodySize, messageId, correlationId } = event;
    const { replyCode, replyText } = passage.more;
    records.tell({
      ...lost(event, passage.names.queue),
      at: event.endedAt,
      spanId: event.spanId || event.parentSpanId,
      sampled: event.sampled,
      attributes: {
        ...common(event, isPublish ? 'publish' : 'consume', passage.names.queue, connections),
        [KEY.bodySize.name]: bodySize,
        ...(messageId && { [KEY.messageId.name]: messageId }),
        ...(correlationId && { [KEY.conversationId.name]: correlationId }),
        ...(replyCode !== 0 && { [OWN.replyCode]: replyCode, [OWN.replyText]: replyText }),
      },
    });
  });
  bus.on('message.lost', (event) => {
    const attributes = common(event, event.side, event.queue, connections);
    records.tell({ ...lost(event, event.queue), at: event.at, spanId: '', sampled: false, attributes });
  });
}

type Lost = PublishEnded | DeliveryEnded | MessageLost;

function lost({ topic, reason, traceId }: Lost, queue: string) {
  const from = queue === '' ? '' : ` out of ${queue}`;
  return {
    event: 'tracehare.message.lost',
    severity: 'warn' as const,
    body: `message of ${topic} lost${from}: ${reason}`,
    traceId,
  };
}

function common(
  { exchange, routingKey, topic, pipeline, connection, channel, reason }: Lost,
  side: 'publish' | 'consume',
  queue: string,
  connections: ConnectionTable,
): Told['attributes'] {
  const known = connections.get(connection);
  return {
    [KEY.systemName.name]: 'rabbitmq',
    [KEY.destinationName.name]: destinationName(exchange, routingKey, queue),
    [KEY.destinationTemplate.name]: topic,
    ...(routingKey && { [KEY.routingKey.name]: routingKey }),
    [KEY.errorType.name]: reason,
    [KEY.pipeline.name]: pipeline,
    [KEY.connection.name]: connection,
    [KEY.channel.name]: channel,
    'tracehare.side': side,
    ...(known && { [KEY.serverAddress.name]: known.brokerHost, [KEY.serverPort.name]: known.brokerPort }),
    ...(known?.clientId && { [KEY.clientId.name]: known.clientId }),
  };
}
