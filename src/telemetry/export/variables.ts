import {
  type Environment,
  otlpEndpoint,
  otlpProtocol,
  type Signal,
  text,
  wantedExporters,
  wantedPushers,
} from '../traces/environment.ts';

const OTLP = [
  'ENDPOINT',
  'HEADERS',
  'TIMEOUT',
  'COMPRESSION',
  'PROTOCOL',
  'INSECURE',
  'CERTIFICATE',
  'CLIENT_CERTIFICATE',
  'CLIENT_KEY',
];

const SIGNALS: readonly Signal[] = ['TRACES', 'METRICS', 'LOGS'];

/** Variables of the OTLP exporters, of all signals or of one; they have effect only where there is one. */
const OTLP_VARIABLES = new Map<string, readonly Signal[]>(
  OTLP.flatMap((name) => [
    [`OTEL_EXPORTER_OTLP_${name}`, SIGNALS] as const,
    ...SIGNALS.map((signal) => [`OTEL_EXPORTER_OTLP_${signal}_${name}`, [signal]] as const),
  ]),
);
/** The variables that something here reads. */
export const READ: ReadonlySet<string> = new Set([
  ...OTLP_VARIABLES.keys(),
  'OTEL_SDK_DISABLED',
  'OTEL_SERVICE_NAME',
  'OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_NODE_RESOURCE_DETECTORS',
  'OTEL_LOG_LEVEL',
  'OTEL_TRACES_EXPORTER',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_BSP_SCHEDULE_DELAY',
  'OTEL_BSP_EXPORT_TIMEOUT',
  'OTEL_BSP_MAX_QUEUE_SIZE',
  'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  'OTEL_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_SPAN_EVENT_COUNT_LIMIT',
  'OTEL_SPAN_LINK_COUNT_LIMIT',
  'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT',
  'OTEL_PROPAGATORS',
  'OTEL_METRICS_EXPORTER',
  'OTEL_LOGS_EXPORTER',
  'OTEL_CONFIG_FILE',
  'OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  'OTEL_BLRP_SCHEDULE_DELAY',
  'OTEL_BLRP_EXPORT_TIMEOUT',
  'OTEL_BLRP_MAX_QUEUE_SIZE',
  'OTEL_BLRP_MAX_EXPORT_BATCH_SIZE',
  'OTEL_METRIC_EXPORT_INTERVAL',
  'OTEL_METRIC_EXPORT_TIMEOUT',
  'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
  'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION',
]);
/** Of the specification, and of no effect here: known, so that they are not taken for a misspelling of one that is read. */
export const UNREAD: ReadonlySet<string> = new Set([
  'OTEL_ENTITIES',
  'OTEL_LINK_ATTRIBUTE_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_LINK_COUNT_LIMIT',
  'OTEL_METRICS_EXEMPLAR_FILTER',
  'OTEL_EXPORTER_ZIPKIN_ENDPOINT',
  'OTEL_EXPORTER_ZIPKIN_TIMEOUT',
  'OTEL_EXPORTER_PROMETHEUS_HOST',
  'OTEL_EXPORTER_PROMETHEUS_PORT',
  'OTEL_SEMCONV_STABILITY_OPT_IN',
]);
/** Meant for the instrumentation of an app that shares the environment, or left by a Service of Kubernetes. */
const ELSEWHERE =
  /^OTEL_(NODE|PYTHON|JAVA|JAVAAGENT|DOTNET|GO|PHP|RUBY|INSTRUMENTATION|INJECTOR|OPERATOR|POD|RESOURCE_ATTRIBUTES)_|_SERVICE_(HOST|PORT)|_PORT(_|$)/;

/**
 * What is probably a mistake in the OTEL_* variables, one line each: misspelt names, values that can't be what was
 * meant, names without effect. Values are never repeated but for words of the specification: they may be secret.
 * `didYouMean` finds the nearest of some names.
 */
export function variableMistakes(
  env: Environment,
  didYouMean: (word: string, known: Iterable<string>) => string,
): string[] {
  const set = Object.keys(env).filter((name) => name.startsWith('OTEL_') && text(env[name]) !== undefined);
  const exporting = exportingSignals(env);
  const found: string[] = [];
  const without: string[] = [];
  for (const name of set) {
    if (READ.has(name)) {
      // without an endpoint nothing is sent anywhere
      const of = OTLP_VARIABLES.get(name);
      const isUsed = of === undefined || of.some((signal) => exporting.includes(signal));
      if (!isUsed && !(name.endsWith('ENDPOINT') && of === SIGNALS)) without.push(name);
    } else if (UNREAD.has(name)) {
      if (env[name]?.trim() !== 'none') without.push(name);
    } else if (!ELSEWHERE.test(name)) {
      const meant = didYouMean(name, [...READ, ...UNREAD]);
      if (meant === '') without.push(name);
      else found.push(`unknown variable \`${name.slice(0, 60)}\`${meant}`);
    }
  }
  if (isPointlessArgument(env)) without.push('OTEL_TRACES_SAMPLER_ARG');
  if (without.length > 0)
    found.push(`without effect here: ${without.slice(0, 20).join(', ')}; docs/tracing.md lists those that have one`);
  const endpoints = exporting.flatMap((signal) => endpointMistakes(env, signal));
  return [...found, ...malformed(env), ...new Set(endpoints)];
}

/** Those that go anywhere over OTLP. */
function exportingSignals(env: Environment): Signal[] {
  const quiet = { warn() {} };
  return SIGNALS.filter((signal) => {
    const names = signal === 'TRACES' ? wantedExporters(env, quiet) : wantedPushers(env, signal, quiet);
    return names.includes('otlp');
  });
}

function isPointlessArgument(env: Environment): boolean {
  return text(env.OTEL_TRACES_SAMPLER_ARG) !== undefined && !env.OTEL_TRACES_SAMPLER?.includes('ratio');
}

/** Lists of key=value. */
const HEADERS = [...[...OTLP_VARIABLES.keys()].filter((name) => name.endsWith('_HEADERS')), 'OTEL_RESOURCE_ATTRIBUTES'];

const LOG_LEVELS = ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'];

function malformed(env: Environment): string[] {
  const found: string[] = [];
  const disabled = text(env.OTEL_SDK_DISABLED)?.trim().toLowerCase();
  if (disabled !== undefined && disabled !== 'true' && disabled !== 'false')
    found.push('OTEL_SDK_DISABLED: neither true nor false, so false');
  const level = text(env.OTEL_LOG_LEVEL)?.trim().toLowerCase();
  if (level !== undefined && !LOG_LEVELS.includes(level))
    found.push(`OTEL_LOG_LEVEL: none of ${LOG_LEVELS.join(', ')}; using warn`);
  for (const name of HEADERS) {
    const entries = text(env[name])?.split(',') ?? [];
    const wrong = entries.findIndex((entry) => entry.trim() !== '' && !/^\s*[^\s=]+\s*=/.test(entry));
    if (wrong >= 0) found.push(`${name}: entry ${wrong + 1} is not key=value; entries are separated by commas`);
  }
  return found;
}

/** An endpoint that most likely is another one's: gRPC's port for HTTP and the reverse, a path twice or not at all. */
function endpointMistakes(env: Environment, signal: Signal): string[] {
  const endpoint = otlpEndpoint(env, signal);
  const protocol = otlpProtocol(env, signal);
  const url = endpoint && URL.parse(endpoint.value);
  if (!endpoint || !url) return [];
  const { variable } = endpoint;
  if (protocol === 'grpc') {
    if (url.port !== '4318') return [];
    return [
      `${variable}: port 4318 is for OTLP over HTTP, and the protocol is grpc: use port 4317, or another protocol`,
    ];
  }
  const found: string[] = [];
  if (url.port === '4317')
    found.push(
      `${variable}: port 4317 is for OTLP over gRPC, and the protocol is ${protocol}: use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc`,
    );
  const isItsOwn = variable.includes(signal);
  const path = `/v1/${signal.toLowerCase()}`;
  if (!isItsOwn && url.pathname.replace(/\/$/, '').endsWith(path))
    found.push(`${variable}: ${path} is put behind it: leave it out, or use OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
  if (isItsOwn && url.pathname === '/') found.push(`${variable}: is taken as it is: a path such as ${path} is missing`);
  return found;
}
