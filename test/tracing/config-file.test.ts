import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { obeyConfigFile } from '../../src/app/otel-file.ts';
import { readConfigFile } from '../../src/telemetry/export/config-file.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { recordingLog } from './fixtures.ts';

const folder = temporaryFolder('otel-config');
afterAll(() => folder.remove());
const path = join(folder.path, 'otel.yaml');
const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

function read(yaml: string) {
  writeFileSync(path, `file_format: "1.0"\n${yaml}`);
  const { variables, unused } = readConfigFile(path);
  const { OTEL_CONFIG_FILE, ...rest } = variables;
  expect(OTEL_CONFIG_FILE).toBe(path);
  return { variables: rest, unused };
}

const NOTHING = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };

test('a file that says nothing: nothing is exported', () => {
  expect(read('')).toEqual({ variables: NOTHING, unused: [] });
});

test('disabled', () => {
  expect(read('disabled: true\nlog_level: info')).toEqual({
    variables: { OTEL_SDK_DISABLED: 'true' },
    unused: [],
  });
});

test('everything that has an effect here', () => {
  process.env.TOKEN = 'abc def';
  const { variables, unused } = read(`
log_level: debug2
attribute_limits: { attribute_value_length_limit: 4096, attribute_count_limit: 64 }
resource:
  attributes: [{ name: service.name, value: orders-sidecar }, { name: zone, value: "a,b" }]
  attributes_list: "team=payments,zone=ignored"
  detection/development: { detectors: [{ host: }, { service: }] }
propagator:
  composite: [{ tracecontext: }, { b3: }]
  composite_list: "b3,baggage,datadog"
tracer_provider:
  processors:
    - batch:
        schedule_delay: 1000
        export_timeout: 2000
        max_queue_size: 3000
        max_export_batch_size: 400
        exporter:
          otlp_http:
            endpoint: https://collector:4318/v1/traces
            encoding: json
            headers: [{ name: authorization, value: "Bearer \${TOKEN}" }]
            headers_list: "x-tenant=acme"
            compression: gzip
            timeout: 5000
            tls: { ca_file: /ca.pem, cert_file: /cert.pem, key_file: /key.pem }
    - simple: { exporter: { console: } }
  limits: { attribute_value_length_limit: 100, event_count_limit: 5, link_count_limit: 6, event_attribute_count_limit: 7 }
  sampler: { parent_based: { root: { trace_id_ratio_based: { ratio: 0.25 } } } }
meter_provider:
  readers:
    - periodic:
        interval: 10000
        timeout: 9000
        exporter:
          otlp_grpc:
            endpoint: http://collector:4317
            tls: { insecure: true }
            temporality_preference: low_memory
            default_histogram_aggregation: explicit_bucket_histogram
    - pull: { exporter: { prometheus/development: } }
logger_provider:
  processors: [{ batch: { schedule_delay: 500, exporter: { otlp_http: } } }]
  limits: { attribute_count_limit: 8 }
`);
  expect(unused).toEqual([]);
  expect(variables).toEqual({
    OTEL_LOG_LEVEL: 'debug',
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '4096',
    OTEL_ATTRIBUTE_COUNT_LIMIT: '64',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=orders-sidecar,zone=a%2Cb,team=payments',
    OTEL_NODE_RESOURCE_DETECTORS: 'host,serviceinstance,env',
    OTEL_PROPAGATORS: 'tracecontext,b3,baggage,datadog',
    OTEL_TRACES_EXPORTER: 'otlp,console',
    OTEL_BSP_SCHEDULE_DELAY: '1000',
    OTEL_BSP_EXPORT_TIMEOUT: '2000',
    OTEL_BSP_MAX_QUEUE_SIZE: '3000',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '400',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector:4318/v1/traces',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-tenant=acme,authorization=Bearer%20abc%20def',
    OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '5000',
    OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: '/ca.pem',
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: '/cert.pem',
    OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: '/key.pem',
    OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '100',
    OTEL_SPAN_EVENT_COUNT_LIMIT: '5',
    OTEL_SPAN_LINK_COUNT_LIMIT: '6',
    OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: '7',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
    OTEL_METRICS_EXPORTER: 'otlp,prometheus',
    OTEL_METRIC_EXPORT_INTERVAL: '10000',
    OTEL_METRIC_EXPORT_TIMEOUT: '9000',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4317',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_METRICS_INSECURE: 'true',
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'lowmemory',
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'explicit_bucket_histogram',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_BLRP_SCHEDULE_DELAY: '500',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://localhost:4318/v1/logs',
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/protobuf',
    OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: '8',
  });
});

test.each([
  ['{ always_on: }', { OTEL_TRACES_SAMPLER: 'always_on' }],
  ['{ always_off: }', { OTEL_TRACES_SAMPLER: 'always_off' }],
  ['{ parent_based: { root: { always_on: } } }', { OTEL_TRACES_SAMPLER: 'parentbased_always_on' }],
  ['{ trace_id_ratio_based: { ratio: 0.5 } }', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }],
])('sampler %s', (sampler, expected) => {
  const { variables, unused } = read(
    `tracer_provider: { processors: [{ simple: { exporter: { console: } } }], sampler: ${sampler} }`,
  );
  expect(unused).toEqual([]);
  expect(variables).toMatchObject(expected);
});

test('what has no effect is named', () => {
  const { unused } = read(`
tracer_provider:
  processors:
    - batch: { exporter: { otlp_http: } }
    - batch: { exporter: { otlp_http: { endpoint: "http://second:4318/v1/traces" } } }
  sampler: { parent_based: { root: { always_on: }, remote_parent_sampled: { always_off: } } }
  limits: { link_attribute_count_limit: 3 }
meter_provider:
  readers: [{ periodic: { exporter: { console: }, cardinality_limits: { default: 10 } } }]
  exemplar_filter: always_on
  views: [{ selector: { instrument_name: x }, stream: { name: y } }]
`);
  expect(unused).toEqual([
    'tracer_provider.processors[1].batch.exporter.otlp_http.endpoint',
    'tracer_provider.sampler.parent_based.remote_parent_sampled.always_off',
    'tracer_provider.limits.link_attribute_count_limit',
    'meter_provider.readers[0].periodic.cardinality_limits.default',
    'meter_provider.exemplar_filter',
    'meter_provider.views[0].selector.instrument_name',
    'meter_provider.views[0].stream.name',
  ]);
});

test('the file counts in place of all variables, and what it says in vain is told once', async () => {
  writeFileSync(path, 'file_format: "1.0"\nresource: { schema_url: "https://example.com" }\n');
  const env: NodeJS.ProcessEnv = {
    OTEL_CONFIG_FILE: path,
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_SERVICE_NAME: 'x',
    HOME: '/',
  };
  const log = recordingLog();
  await obeyConfigFile(env, log as never);
  expect(env).toEqual({ HOME: '/', OTEL_CONFIG_FILE: path, ...NOTHING });
  expect(log.lines).toEqual([
    {
      level: 'warn',
      message: expect.stringContaining('keys without effect here'),
      fields: { keys: ['resource.schema_url'] },
    },
  ]);
});

test('without a file nothing changes', async () => {
  const env: NodeJS.ProcessEnv = { OTEL_TRACES_EXPORTER: 'otlp' };
  await obeyConfigFile(env, recordingLog() as never);
  expect(env).toEqual({ OTEL_TRACES_EXPORTER: 'otlp' });
});

test.each([
  ['no such file', undefined, /^OTEL_CONFIG_FILE: .*gone\.yaml: no such file$/],
  ['another format', 'file_format: "7.0"\n', /^OTEL_CONFIG_FILE: .*Unsupported file_format: "7.0"[^\n]*$/],
  [
    'not valid',
    'file_format: "1.0"\ntracer_provider: 7\n',
    /^OTEL_CONFIG_FILE: Invalid OpenTelemetry config file[^\n]*$/,
  ],
])('%s: refused in one line', (_, content, message) => {
  if (content !== undefined) writeFileSync(path, content);
  expect(() => readConfigFile(content === undefined ? join(folder.path, 'gone.yaml') : path)).toThrow(message);
});
