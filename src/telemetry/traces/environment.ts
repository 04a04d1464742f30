/** The process's environment, read once by the composition root. Values are read as the SDK reads them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What is exported over OTLP, as the variables call it. */
export type Signal = 'TRACES' | 'METRICS' | 'LOGS';

/** Told, in one line each, of variables that could not be used. */
interface Warnings {
  warn(message: string): void;
}

/**
 * Names of the exporters that spans go to: `otlp`, `console`, both or none.
 * Without OTEL_TRACES_EXPORTER: OTLP if an endpoint is set, else none; the SDK would try localhost.
 */
export function wantedExporters(env: Environment, log: Warnings): string[] {
  if (isTrue(env.OTEL_SDK_DISABLED)) return [];
  return listedExporters(env, 'TRACES', log) ?? (otlpEndpoint(env) === undefined ? [] : ['otlp']);
}

/**
 * Names of the exporters that metrics or log records go to: `otlp`, `console`, both or none. Without a variable that
 * says so: OTLP if there is an endpoint for this signal by itself; who set one for spans was never sent anything else.
 */
export function wantedPushers(env: Environment, signal: 'METRICS' | 'LOGS', log: Warnings): string[] {
  if (isTrue(env.OTEL_SDK_DISABLED)) return [];
  const own = text(env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]);
  const names = listedExporters(env, signal, log) ?? (own === undefined ? [] : ['otlp']);
  // our own endpoint, which is always there
  return names.filter((name) => name !== PROMETHEUS);
}

const PROMETHEUS = 'prometheus';

/** Undefined: the variable is unset. */
function listedExporters(env: Environment, signal: Signal, log: Warnings): string[] | undefined {
  const variable = `OTEL_${signal}_EXPORTER`;
  const listed = text(env[variable]);
  if (listed === undefined) return undefined;
  const names = [...new Set(listed.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  if (names.includes('none')) return [];
  const known = ['otlp', 'console', ...(signal === 'METRICS' ? [PROMETHEUS] : [])];
  return names.filter((name) => {
    if (known.includes(name)) return true;
    log.warn(`${variable}: '${name}' is not supported; supported are ${known.join(', ')} and none`);
    return false;
  });
}

/** The endpoint variable in force and its value. */
export function otlpEndpoint(
  env: Environment,
  signal: Signal = 'TRACES',
): { variable: string; value: string } | undefined {
  for (const variable of [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
    const value = text(env[variable]);
    if (value !== undefined) return { variable, value: value.trim() };
  }
  return undefined;
}

/** service.name of the spans: what the SDK makes of the variables, else `tracehare`. */
export function serviceName(env: Environment): string {
  const named = text(env.OTEL_SERVICE_NAME);
  if (named !== undefined) return named;
  for (const pair of (env.OTEL_RESOURCE_ATTRIBUTES ?? '').split(',')) {
    const [key, value = ''] = pair.split('=', 2).map((part) => part.trim());
    if (key === 'service.name' && value !== '') return decoded(value);
  }
  return 'tracehare';
}

/** As the variable has it, percent-encoded. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

export function otlpProtocol(env: Environment, signal: Signal = 'TRACES'): string {
  const protocol = text(env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`]) ?? text(env.OTEL_EXPORTER_OTLP_PROTOCOL);
  return protocol?.trim() ?? 'http/protobuf';
}

/** The whole number a variable holds, of `least` or more. */
export function whole(env: Environment, variable: string, least: 0 | 1, fallback: number, log: Warnings): number {
  const value = text(env[variable]);
  if (value === undefined) return fallback;
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  log.warn(`${variable}: '${value}' is not a whole number${least === 1 ? ' above 0' : ''}, using ${fallback}`);
  return fallback;
}

/** Those that the traffic threads go by. */
export function threadVariables({
  OTEL_SDK_DISABLED,
  OTEL_TRACES_SAMPLER,
  OTEL_TRACES_SAMPLER_ARG,
  OTEL_PROPAGATORS,
}: Environment): Environment {
  return { OTEL_SDK_DISABLED, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_PROPAGATORS };
}

export function isTrue(value: string | undefined): boolean {
  return value?.trim().toLowerCase() === 'true';
}

/** Blank is unset. */
export function text(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}
