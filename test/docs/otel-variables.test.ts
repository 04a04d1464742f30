import { expect, test } from 'vitest';
import { OTEL_VARIABLES } from '../../scripts/otel-variables.ts';
import { READ, UNREAD } from '../../src/telemetry/export/variables.ts';
import { files, textOf } from './pages.ts';

const SIGNALS = ['TRACES', 'METRICS', 'LOGS'];

/** Names in the code, with those that are put together there, of each signal or kind of queue. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/\bOTEL_[A-Z_]*(?:\$\{(signal|of)\}[A-Z_]*)?/g)].flatMap(([name, part]) => {
    if (part === undefined) return name.endsWith('_') || name === 'OTEL_BOUNDS' ? [] : [name];
    const names = (part === 'of' ? ['BSP', 'BLRP'] : SIGNALS).map((value) => name.replace(/\$\{\w+\}/, value));
    return names.filter((each) => !each.endsWith('_'));
  });
}

const known = new Map(OTEL_VARIABLES.map((variable) => [variable.name, variable]));
// what a file says becomes variables, which are read as if they were set; a list of names reads none
const code = files('src/**/*.ts').filter((file) => !/(config-file|variables)\.ts$/.test(file));
const used = new Set(code.flatMap((file) => namesIn(textOf(file))));

test('each variable that the code reads is in the table, as one that is read', () => {
  expect(used.size).toBeGreaterThan(30);
  expect([...used].filter((name) => !known.get(name)?.isRead)).toEqual([]);
});

test('those that are warned of when they are set in vain are the ones that the table says nothing reads', () => {
  const named = (isRead: boolean) => OTEL_VARIABLES.filter((each) => each.isRead === isRead).map(({ name }) => name);
  expect([...READ].sort()).toEqual(named(true).sort());
  expect([...UNREAD].sort()).toEqual(named(false).sort());
});

test('no variable is there twice', () => {
  expect(known.size).toBe(OTEL_VARIABLES.length);
});

test('what nothing reads is not said to have an effect', () => {
  /** by the SDK, in the parts of it that are used */
  const bySdk = /^OTEL_(EXPORTER_OTLP_|SERVICE_NAME|RESOURCE_ATTRIBUTES|CONFIG_FILE|ATTRIBUTE_|LOGRECORD_)/;
  const said = OTEL_VARIABLES.filter(({ isRead, name }) => isRead && !bySdk.test(name)).map(({ name }) => name);
  expect(said.filter((name) => !used.has(name))).toEqual([]);
});

test("all of the specification's are there", () => {
  // of its page on environment variables, and those of the OTLP exporters
  const specified =
    `OTEL_SDK_DISABLED OTEL_ENTITIES OTEL_RESOURCE_ATTRIBUTES OTEL_SERVICE_NAME OTEL_LOG_LEVEL OTEL_PROPAGATORS
    OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG OTEL_BSP_SCHEDULE_DELAY OTEL_BSP_EXPORT_TIMEOUT OTEL_BSP_MAX_QUEUE_SIZE
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE OTEL_BLRP_SCHEDULE_DELAY OTEL_BLRP_EXPORT_TIMEOUT OTEL_BLRP_MAX_QUEUE_SIZE
    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_ATTRIBUTE_COUNT_LIMIT
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT OTEL_SPAN_EVENT_COUNT_LIMIT
    OTEL_SPAN_LINK_COUNT_LIMIT OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT OTEL_LINK_ATTRIBUTE_COUNT_LIMIT
    OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT OTEL_EXPORTER_ZIPKIN_ENDPOINT
    OTEL_EXPORTER_ZIPKIN_TIMEOUT OTEL_EXPORTER_PROMETHEUS_HOST OTEL_EXPORTER_PROMETHEUS_PORT OTEL_TRACES_EXPORTER
    OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER OTEL_METRICS_EXEMPLAR_FILTER OTEL_METRIC_EXPORT_INTERVAL
    OTEL_METRIC_EXPORT_TIMEOUT OTEL_CONFIG_FILE OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`.split(/\s+/);
  const suffixes =
    'ENDPOINT PROTOCOL HEADERS COMPRESSION TIMEOUT CERTIFICATE CLIENT_CERTIFICATE CLIENT_KEY INSECURE'.split(' ');
  const exporters = suffixes.flatMap((suffix) =>
    ['', 'TRACES_', 'METRICS_', 'LOGS_'].map((signal) => `OTEL_EXPORTER_OTLP_${signal}${suffix}`),
  );
  expect([...specified, ...exporters].filter((name) => !known.has(name))).toEqual([]);
});
