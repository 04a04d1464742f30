import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { didYouMean } from '../../src/config/nearest.ts';
import { variableMistakes } from '../../src/telemetry/export/variables.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
const mistakes = (env: Record<string, string>): string[] => variableMistakes(env, didYouMean);

test.each<[Record<string, string>, string[]]>([
  [{}, []],
  [
    { OTEL_EXPORTER_OTLP_ENDPIONT: 'http://c:4318' },
    ['unknown variable `OTEL_EXPORTER_OTLP_ENDPIONT`, did you mean `OTEL_EXPORTER_OTLP_ENDPOINT`?'],
  ],
  [{ OTEL_SERVCE_NAME: 'x' }, ['unknown variable `OTEL_SERVCE_NAME`, did you mean `OTEL_SERVICE_NAME`?']],
  [{ OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: '' }, []],
  [
    { OTEL_METRICS_EXEMPLAR_FILTER: 'always_on', OTEL_FROBNICATE: 'x' },
    ['without effect here: OTEL_METRICS_EXEMPLAR_FILTER, OTEL_FROBNICATE; docs/tracing.md lists those that have one'],
  ],
  [
    { OTEL_EXPORTER_OTLP_HEADERS: 'a=b' },
    ['without effect here: OTEL_EXPORTER_OTLP_HEADERS; docs/tracing.md lists those that have one'],
  ],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a=b,' }, []],
  [
    { OTEL_TRACES_SAMPLER: 'always_on', OTEL_TRACES_SAMPLER_ARG: '0.5' },
    ['without effect here: OTEL_TRACES_SAMPLER_ARG; docs/tracing.md lists those that have one'],
  ],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' }, []],
  [{ OTEL_SDK_DISABLED: 'yes' }, ['OTEL_SDK_DISABLED: neither true nor false, so false']],
  [{ OTEL_LOG_LEVEL: 'inf' }, ['OTEL_LOG_LEVEL: none of none, error, warn, info, debug, verbose, all; using warn']],
  [
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a=b,s3cret' },
    ['OTEL_EXPORTER_OTLP_HEADERS: entry 2 is not key=value; entries are separated by commas'],
  ],
  [
    { OTEL_RESOURCE_ATTRIBUTES: 'env:prod' },
    ['OTEL_RESOURCE_ATTRIBUTES: entry 1 is not key=value; entries are separated by commas'],
  ],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' },
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT: port 4317 is for OTLP over gRPC, and the protocol is http/protobuf: use port 4318, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
    ],
  ],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, []],
  [
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT: port 4318 is for OTLP over HTTP, and the protocol is grpc: use port 4317, or another protocol',
    ],
  ],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/v1/traces' },
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT: /v1/traces is put behind it: leave it out, or use OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    ],
  ],
  [
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318' },
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: is taken as it is: a path such as /v1/traces is missing'],
  ],
])('%j: %j', (env, expected) => {
  expect(mistakes(env)).toEqual(expected);
});

test('what other programs of the pod are told by, and what Kubernetes sets for a Service, is no mistake', () => {
  const others = [
    'OTEL_COLLECTOR_SERVICE_HOST',
    'OTEL_COLLECTOR_PORT_4317_TCP_ADDR',
    'OTEL_PYTHON_LOG_LEVEL',
    'OTEL_INSTRUMENTATION_AMQP_ENABLED',
  ];
  expect(mistakes(Object.fromEntries(others.map((name) => [name, 'x'])))).toEqual([]);
});

test('every variable of which the docs do not say the contrary is known to have an effect', () => {
  const text = readFileSync(new URL('../../docs/tracing.md', import.meta.url), 'utf8');
  const said = text.replace(/^.*\| without effect: .*$/gm, '');
  const named = [...said.matchAll(/`(OTEL_[A-Z_]*[A-Z])(=[^`]*)?`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(8);
  const env = {
    ...ENDPOINT,
    OTEL_TRACES_SAMPLER: 'traceidratio',
    ...Object.fromEntries(named.map((name) => [name, 'otlp'])),
  };
  expect(
    mistakes({ ...env, ...ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio' }).filter((each) =>
      /without|unknown/.test(each),
    ),
  ).toEqual([]);
});
