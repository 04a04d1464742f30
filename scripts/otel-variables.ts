import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A variable of OpenTelemetry's specification, or of its SDK for Node, and what becomes of it. */
export interface OtelVariable {
  name: string;
  effect: string;
  /** something here, or in the parts of the SDK that are used, reads it */
  isRead: boolean;
}

const read = (name: string, effect: string): OtelVariable => ({ name, effect, isRead: true });
const unread = (name: string, effect: string): OtelVariable => ({ name, effect, isRead: false });

const EXPORTER: readonly [suffix: string, effect: string][] = [
  ['ENDPOINT', 'where to; not a URL: refused with one clear line instead of falling back to localhost'],
  ['PROTOCOL', '`http/protobuf` (default), `http/json`, `grpc`; others are warned of'],
  ['HEADERS', 'sent with each request'],
  ['COMPRESSION', '`gzip` or `none` (default); over HTTP a Content-Length is said either way'],
  ['TIMEOUT', 'of one export with its retries, default 10000 ms'],
  ['CERTIFICATE', 'CA that is trusted, PEM file'],
  ['CLIENT_CERTIFICATE', 'shown to the endpoint, PEM file'],
  ['CLIENT_KEY', 'of the certificate, PEM file'],
  ['INSECURE', 'gRPC without TLS where the endpoint has no scheme'],
];

function exporters(): OtelVariable[] {
  return EXPORTER.flatMap(([suffix, effect]) => [
    read(`OTEL_EXPORTER_OTLP_${suffix}`, `${effect}; for all signals`),
    ...['TRACES', 'METRICS', 'LOGS'].map((signal) =>
      read(`OTEL_EXPORTER_OTLP_${signal}_${suffix}`, `the same for ${signal.toLowerCase()}, before the one for all`),
    ),
  ]);
}

/** In the order in which docs/tracing.md shows them. */
export const OTEL_VARIABLES: readonly OtelVariable[] = [
  read(
    'OTEL_SDK_DISABLED',
    '`true`: no span, metric or log record is exported, nothing is sampled; context is still injected, with flag 00',
  ),
  read('OTEL_CONFIG_FILE', 'a declarative configuration, in the place of all other variables: see below'),
  read('OTEL_SERVICE_NAME', 'resource attribute `service.name`, default `tracehare`'),
  read(
    'OTEL_RESOURCE_ATTRIBUTES',
    'the resource; by default with `service.version`, a random `service.instance.id`, host and operating system',
  ),
  read(
    'OTEL_NODE_RESOURCE_DETECTORS',
    'replaces the default detectors. The process detector is not among them: it exports the command line',
  ),
  read('OTEL_LOG_LEVEL', "how much of the SDK's own log goes into Tracehare's; default `warn`"),
  read('OTEL_PROPAGATORS', 'see Propagation; default `tracecontext,baggage`'),
  read('OTEL_TRACES_SAMPLER', 'see Sampling'),
  read('OTEL_TRACES_SAMPLER_ARG', 'the ratio, for samplers that have one'),
  read(
    'OTEL_TRACES_EXPORTER',
    '`otlp`, `console` (standard output), both, or `none`; default: `otlp` if there is an endpoint',
  ),
  read(
    'OTEL_METRICS_EXPORTER',
    '`otlp`, `console`, `prometheus` (our own endpoint, which is always there), or `none`; default: `otlp` if there is an endpoint for metrics by itself',
  ),
  read(
    'OTEL_LOGS_EXPORTER',
    '`otlp`, `console`, both, or `none`; default: `otlp` if there is an endpoint for logs by itself',
  ),
  ...exporters(),
  read(
    'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
    '`cumulative` (default), `delta`; `lowmemory` is the same as `delta` here',
  ),
  read(
    'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
    '`base2_exponential_bucket_histogram` (default) or `explicit_bucket_histogram`',
  ),
  read('OTEL_METRIC_EXPORT_INTERVAL', 'default 60000 ms'),
  read('OTEL_METRIC_EXPORT_TIMEOUT', 'default 30000 ms, at most the interval'),
  read('OTEL_BSP_MAX_QUEUE_SIZE', 'spans that wait, default 2048'),
  read('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 'spans of one request, default 512'),
  read('OTEL_BSP_SCHEDULE_DELAY', 'how long a request waits for more spans, default 5000 ms'),
  read('OTEL_BSP_EXPORT_TIMEOUT', 'after which a request counts as failed and the next is sent, default 30000 ms'),
  read('OTEL_BLRP_MAX_QUEUE_SIZE', 'log records that wait, default 2048'),
  read('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', 'log records of one request, default 512'),
  read('OTEL_BLRP_SCHEDULE_DELAY', 'how long a request waits for more records, default 1000 ms'),
  read('OTEL_BLRP_EXPORT_TIMEOUT', 'after which a request counts as failed and the next is sent, default 30000 ms'),
  read(
    'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    'of texts, on spans and log records; bounds what a message id or routing key can take up',
  ),
  read('OTEL_ATTRIBUTE_COUNT_LIMIT', 'on spans and log records, default 128'),
  read('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'on spans, before the one for all'),
  read('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'on spans, before the one for all'),
  read('OTEL_SPAN_EVENT_COUNT_LIMIT', 'default 128'),
  read('OTEL_SPAN_LINK_COUNT_LIMIT', 'default 128'),
  read('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'default 128'),
  read('OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT', 'the same, as the SDK for Node calls it'),
  unread('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT', 'links have no attributes'),
  unread('OTEL_SPAN_ATTRIBUTE_PER_LINK_COUNT_LIMIT', 'the same, as the SDK for Node calls it'),
  read('OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'on log records, before the one for all'),
  read('OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT', 'on log records, before the one for all'),
  unread('OTEL_METRICS_EXEMPLAR_FILTER', 'exemplars are of sampled messages, the newest of each bucket'),
  unread('OTEL_EXPORTER_PROMETHEUS_HOST', '`admin` says where metrics are scraped'),
  unread('OTEL_EXPORTER_PROMETHEUS_PORT', '`admin` says where metrics are scraped'),
  unread('OTEL_EXPORTER_ZIPKIN_ENDPOINT', 'no such exporter: warned of by its name'),
  unread('OTEL_EXPORTER_ZIPKIN_TIMEOUT', 'no such exporter'),
  unread('OTEL_ENTITIES', 'not read'),
  unread('OTEL_SEMCONV_STABILITY_OPT_IN', 'there is one set of names, the current one'),
];

const BEGIN = '<!-- variables: `npm run docs` writes them from scripts/otel-variables.ts -->';
const END = '<!-- end of variables -->';
const page = fileURLToPath(new URL('../docs/tracing.md', import.meta.url));

/** docs/tracing.md with the table as it is here. */
export function tracingPage(): string {
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before)
    throw new Error(`docs/tracing.md has no place for its variables: ${BEGIN} … ${END}`);
  const rows = OTEL_VARIABLES.map(
    ({ name, effect, isRead }) => `| \`${name}\` | ${isRead ? effect : `without effect: ${effect}`} |`,
  );
  const table = ['| variable | what becomes of it |', '| --- | --- |', ...rows].join('\n');
  return `${text.slice(0, before)}${BEGIN}\n\n${table}\n\n${text.slice(after)}`;
}
