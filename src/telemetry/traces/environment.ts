/** The process's environment, read once by the composition root. Values are read as the SDK reads them. */
export type Environment = Readonly<Record<string, string | undefined>>;

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
  const listed = text(env.OTEL_TRACES_EXPORTER);
  if (listed === undefined) return otlpEndpoint(env) === undefined ? [] : ['otlp'];
  const names = [...new Set(listed.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  if (names.includes('none')) return [];
  return names.filter((name) => {
    const known = name === 'otlp' || name === 'console';
    if (!known) log.warn(`OTEL_TRACES_EXPORTER: '${name}' is not supported; supported are otlp, console and none`);
    return known;
  });
}

/** The endpoint variable in force and its value. */
export function otlpEndpoint(env: Environment): { variable: string; value: string } | undefined {
  for (const variable of ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
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

export function otlpProtocol(env: Environment): string {
  const protocol = text(env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) ?? text(env.OTEL_EXPORTER_OTLP_PROTOCOL);
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

export function isTrue(value: string | undefined): boolean {
  return value?.trim().toLowerCase() === 'true';
}

/** Blank is unset. */
export function text(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}
