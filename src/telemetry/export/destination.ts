import { type Environment, otlpEndpoint, otlpProtocol, wantedExporters } from '../traces/environment.ts';
import { withoutSecrets } from './diagnostics.ts';

/** Where the spans of these variables go, in words: the endpoint as requests are sent to it, without what may be secret. */
export function spansGoTo(env: Environment): string {
  const places = wantedExporters(env, { warn() {} }).map((name) => (name === 'console' ? 'stdout' : endpointOf(env)));
  return places.join(', ') || 'the live page only';
}

function endpointOf(env: Environment): string {
  const protocol = otlpProtocol(env);
  const grpc = protocol === 'grpc';
  const { variable, value } = otlpEndpoint(env) ?? { variable: '', value: `http://localhost:${grpc ? 4317 : 4318}` };
  const base = withoutSecrets(value);
  const isWhole = grpc || variable === 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  return `${isWhole ? base : `${base.replace(/\/$/, '')}/v1/traces`} (${protocol})`;
}
