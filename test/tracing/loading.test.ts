import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** OpenTelemetry packages that a process of its own loads when it runs `code`, which loads files of src/telemetry. */
function openTelemetryLoadedBy(code: string): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier.startsWith('@opentelemetry/')) loaded.add(specifier);
        return next(specifier, context);
      },
    });
    const load = (file) => import(new URL(file, ${JSON.stringify(new URL('../../src/telemetry/', import.meta.url))}));
    ${code}
    console.log(JSON.stringify([...loaded]));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  return JSON.parse(output);
}

const createSink = (env: string) => `
  const { createSpanSink } = await load('export/sink.ts');
  await createSpanSink({ env: ${env}, consumer: 'parent', queue: 'event', version: '1', log: console });
`;

test('what the traffic thread needs loads nothing of OpenTelemetry', () => {
  const files = ['propagation/propagation.ts', 'traces/ids.ts', 'propagation/sampling.ts'];
  expect(openTelemetryLoadedBy(`for (const file of ${JSON.stringify(files)}) await load(file);`)).toEqual([]);
});

test('a sink loads the SDK only if there is somewhere to export to', () => {
  expect(openTelemetryLoadedBy(createSink('{}'))).toEqual([]);
  const loaded = openTelemetryLoadedBy(createSink("{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }"));
  expect(loaded).toContain('@opentelemetry/otlp-exporter-base/node-http');
  // of the SDK only what exports spans, and no names that it doesn't load itself
  expect(loaded.filter((name) => /sdk-node|sdk-trace|logs|grpc|instrumentation|incubating/.test(name))).toEqual([]);
});

const createPushes = (env: string) => `
  const { createMetricPush } = await load('export/metrics.ts');
  const { createLogRecords } = await load('export/log-records.ts');
  const common = { env: ${env}, version: '1', log: console };
  await createMetricPush({ ...common, read: async () => [] });
  await createLogRecords(common);
`;

test('metrics and log records load the SDK only if they go somewhere, and gRPC only if that is asked for', () => {
  expect(openTelemetryLoadedBy(createPushes('{}'))).toEqual([]);
  expect(openTelemetryLoadedBy(createPushes("{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }"))).toEqual([]);
  const both = openTelemetryLoadedBy(createPushes("{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp' }"));
  expect(both).toContain('@opentelemetry/sdk-metrics');
  expect(both).toContain('@opentelemetry/sdk-logs');
  expect(both.filter((name) => /sdk-node|sdk-trace|grpc|instrumentation|incubating/.test(name))).toEqual([]);
});
