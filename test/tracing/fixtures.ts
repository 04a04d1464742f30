import { afterEach } from 'vitest';
import type {
  ConnectionIdentified,
  ConnectionOpened,
  DeliveryEnded,
  PublishEnded,
} from '../../src/events/lifecycle.ts';
import { createSpanSink, type SpanSink, type SpanSinkOptions } from '../../src/telemetry/export/sink.ts';

export const TRACE = '0af7651916cd43dd8448eb211c80319c';
export const SPAN = 'b7ad6b7169203331';
export const PARENT = '00f067aa0ba902b7';
/** Microseconds since the epoch, with a part that milliseconds would lose. */
export const START = 1_790_000_000_123_457;
export const END = START + 1_002_003;

const passage = {
  connection: 7,
  channel: 3,
  exchange: 'shop',
  routingKey: 'orders.eu',
  topic: 'orders',
  pipeline: 'checkout',
  startedAt: START,
  endedAt: END,
  traceId: TRACE,
  spanId: SPAN,
  parentSpanId: '',
  traceState: '',
  sampled: true,
  bodySize: 512,
  messageId: '',
  correlationId: '',
  headers: [],
  fault: '',
  baggage: '',
};

export function publish(changes: Partial<PublishEnded> = {}): PublishEnded {
  return {
    type: 'publish.ended',
    ...passage,
    sequence: 12,
    outcome: 'success',
    reason: '',
    confirmed: true,
    replyCode: 0,
    replyText: '',
    cause: '',
    causeTraceId: '',
    causeSpanId: '',
    isCauseParent: false,
    ...changes,
  };
}

export function delivery(changes: Partial<DeliveryEnded> = {}): DeliveryEnded {
  return {
    type: 'delivery.ended',
    ...passage,
    parentSpanId: PARENT,
    deliveryTag: 41,
    via: 'deliver',
    queue: 'billing',
    consumerTag: 'c1',
    redelivered: false,
    settlement: 'ack',
    outcome: 'success',
    reason: '',
    lost: false,
    latency: 0.25,
    deadLetterQueue: '',
    deadLetterReason: '',
    attempt: 1,
    isContinued: false,
    firstPublished: 0,
    queuedAt: START - 250_000,
    delayPlanned: Number.NaN,
    delayActual: Number.NaN,
    ...changes,
  };
}

export function opened(changes: Partial<ConnectionOpened> = {}): ConnectionOpened {
  return {
    type: 'connection.opened',
    at: START,
    connection: 7,
    client: '127.0.0.1:50000',
    brokerHost: 'rabbit.internal',
    brokerPort: 5671,
    bypass: '',
    ...changes,
  };
}

export function identified(changes: Partial<ConnectionIdentified> = {}): ConnectionIdentified {
  return {
    type: 'connection.identified',
    at: START,
    connection: 7,
    vhost: '/',
    user: 'guest',
    app: 'order service',
    name: 'order service',
    product: 'AMQPLIB',
    version: '2.3.1',
    platform: 'Node.js',
    broker: 'RabbitMQ 4.1.0',
    ...changes,
  };
}

export interface LogLine {
  level: string;
  message: string;
  fields: unknown;
}

/** A log that remembers. */
export function recordingLog() {
  const lines: LogLine[] = [];
  const record = (level: string) => (first: unknown, second?: unknown) => {
    if (typeof first === 'string') lines.push({ level, message: first, fields: {} });
    else lines.push({ level, message: String(second), fields: first });
  };
  return {
    lines,
    error: record('error'),
    warn: record('warn'),
    info: record('info'),
    debug: record('debug'),
    trace: record('trace'),
  };
}

/** For a sink whose endpoint does not answer. */
export const IMPATIENT = { shutdownTimeout: 200 };

let sink: SpanSink | undefined;
let saved: NodeJS.ProcessEnv | undefined;

/** A sink whose environment is `env` alone, as far as OTEL_* goes; shut down after the test. */
export async function startSink(
  env: Record<string, string>,
  options: Partial<Omit<SpanSinkOptions, 'env'>> = {},
): Promise<SpanSink & { lines: LogLine[] }> {
  saved ??= { ...process.env };
  // The SDK reads the process's environment itself.
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
  Object.assign(process.env, env);
  const log = recordingLog();
  sink = await createSpanSink({
    env: process.env,
    consumer: 'parent',
    queue: 'off',
    version: '1.2.3',
    log,
    // what is exported has all the time that a busy machine may need
    shutdownTimeout: 60_000,
    ...options,
  });
  return { ...sink, lines: log.lines };
}

afterEach(async () => {
  await sink?.shutdown();
  sink = undefined;
  if (saved !== undefined) process.env = saved;
  saved = undefined;
});
