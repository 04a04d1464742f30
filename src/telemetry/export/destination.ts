import {
  type Environment,
  otlpEndpoint,
  otlpProtocol,
  type Signal,
  wantedExporters,
  wantedPushers,
} from '../traces/environment.ts';
import { withoutSecrets } from './diagnostics.ts';

const QUIET = { warn() {} };

/** Where the spans of these variables go, in words: the endpoint as requests are sent to it, without what may be secret. */
export function spansGoTo(env: Environment): string {
  return placesOf(env, 'TRACES', wantedExporters(env, QUIET)) || 'the live page only';
}

/** Where metrics or log records are sent to, in the same words; '' for nowhere. */
export function pushedTo(env: Environment, signal: 'METRICS' | 'LOGS'): string {
  return placesOf(env, signal, wantedPushers(env, signal, QUIET));
}

const placesOf = (env: Environment, signal: Signal, exporters: readonly string[]): string =>
  exporters.map((name) => (name === 'console' ? 'stdout' : endpointOf(env, signal))).join(', ');

function endpointOf(env: Environment, signal: Signal): string {
  const protocol = otlpProtocol(env, signal);
  const grpc = protocol === 'grpc';
  const local = { variable: '', value: `http://localhost:${grpc ? 4317 : 4318}` };
  const { variable, value } = otlpEndpoint(env, signal) ?? local;
  const base = withoutSecrets(value);
  const isWhole = grpc || variable === `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`;
  return `${isWhole ? base : `${base.replace(/\/$/, '')}/v1/${signal.toLowerCase()}`} (${protocol})`;
}
