import {
  type ConfigurationModel,
  mergeHeadersConfig,
  mergePropagatorCompositeConfig,
  mergeResourceAttributesConfig,
  parseConfigFile,
} from '@opentelemetry/configuration';
import type { Signal } from '../traces/environment.ts';
import { VariableError } from './exporters.ts';

type Tree = Record<string, unknown>;
type Variables = Record<string, string>;

export interface FromFile {
  /** what the file says, as OTEL_* variables */
  variables: Variables;
  /** paths of what it says and nothing here obeys */
  unused: string[];
}

/**
 * A declarative configuration of OpenTelemetry, read and checked as the SDK does it, said in variables: so whatever reads
 * those obeys the file too. Throws in one line if it can't be read or is not valid.
 */
export function readConfigFile(path: string): FromFile {
  const model = parsed(path);
  const variables: Variables = { OTEL_CONFIG_FILE: path };
  if (model.disabled === true) return { variables: { ...variables, OTEL_SDK_DISABLED: 'true' }, unused: [] };
  // what is taken out of it is obeyed; what is left in the end is not
  const left = structuredClone(model) as Tree;
  delete left.disabled;
  general(left, variables);
  const tracing = section(left, 'tracer_provider');
  processors(tracing, 'TRACES', 'BSP', variables);
  sampler(section(tracing, 'sampler'), variables);
  spanLimits(section(tracing, 'limits'), variables);
  readers(section(left, 'meter_provider'), variables);
  const logging = section(left, 'logger_provider');
  processors(logging, 'LOGS', 'BLRP', variables);
  attributeLimits(section(logging, 'limits'), 'OTEL_LOGRECORD_ATTRIBUTE', variables);
  return { variables, unused: leaves(left) };
}

function parsed(path: string): ConfigurationModel {
  try {
    return parseConfigFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? `${path}: no such file` : message.replace(/\s*\n\s*/g, '; ');
    throw new VariableError(`OTEL_CONFIG_FILE: ${why}`);
  }
}

const LEVELS: Readonly<Record<string, string>> = { trace: 'verbose', fatal: 'error' };

function general(left: Tree, to: Variables): void {
  const level = taken(left, 'log_level')?.replace(/\d$/, '');
  set(to, 'OTEL_LOG_LEVEL', level && (LEVELS[level] ?? level));
  attributeLimits(section(left, 'attribute_limits'), 'OTEL_ATTRIBUTE', to);
  const propagator = section(left, 'propagator');
  const listed = mergePropagatorCompositeConfig(
    propagator.composite as never,
    taken(propagator, 'composite_list') ?? null,
  );
  delete propagator.composite;
  if (listed !== undefined) set(to, 'OTEL_PROPAGATORS', listed.map((each) => Object.keys(each)[0]).join(',') || 'none');
  resource(section(left, 'resource'), to);
}

function resource(of: Tree, to: Variables): void {
  const attributes = mergeResourceAttributesConfig(of.attributes as never, taken(of, 'attributes_list') ?? null) ?? [];
  delete of.attributes;
  set(
    to,
    'OTEL_RESOURCE_ATTRIBUTES',
    attributes.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join(','),
  );
  const detection = section(of, 'detection/development');
  const detectors = (detection.detectors as Tree[] | undefined) ?? [];
  const known: Readonly<Record<string, string>> = { host: 'host', process: 'process', service: 'serviceinstance' };
  const names = detectors.flatMap((detector) => {
    const [name] = Object.keys(detector);
    if (known[name] === undefined) return [];
    delete detector[name];
    return known[name];
  });
  // that one reads what the attributes above became
  if (detection.detectors !== undefined) set(to, 'OTEL_NODE_RESOURCE_DETECTORS', [...names, 'env'].join(','));
}

function processors(of: Tree, signal: 'TRACES' | 'LOGS', limits: 'BSP' | 'BLRP', to: Variables): void {
  const names: string[] = [];
  for (const processor of (of.processors as Tree[] | undefined) ?? []) {
    const [kind] = Object.keys(processor);
    if (kind !== 'batch' && kind !== 'simple') continue;
    const settings = section(processor, kind);
    for (const [key, variable] of [
      ['schedule_delay', 'SCHEDULE_DELAY'],
      ['export_timeout', 'EXPORT_TIMEOUT'],
      ['max_queue_size', 'MAX_QUEUE_SIZE'],
      ['max_export_batch_size', 'MAX_EXPORT_BATCH_SIZE'],
    ]) {
      set(to, `OTEL_${limits}_${variable}`, taken(settings, key));
    }
    names.push(...exporter(settings, signal, names, to));
  }
  set(to, `OTEL_${signal}_EXPORTER`, names.join(',') || 'none');
}

function readers(of: Tree, to: Variables): void {
  const names: string[] = [];
  for (const reader of (of.readers as Tree[] | undefined) ?? []) {
    const [kind] = Object.keys(reader);
    const settings = section(reader, kind);
    if (kind === 'pull') {
      const pulled = section(settings, 'exporter');
      if ('prometheus/development' in pulled) names.push('prometheus');
      if (Object.keys((pulled['prometheus/development'] ?? {}) as Tree).length === 0)
        delete pulled['prometheus/development'];
      continue;
    }
    set(to, 'OTEL_METRIC_EXPORT_INTERVAL', taken(settings, 'interval'));
    set(to, 'OTEL_METRIC_EXPORT_TIMEOUT', taken(settings, 'timeout'));
    names.push(...exporter(settings, 'METRICS', names, to));
  }
  set(to, 'OTEL_METRICS_EXPORTER', names.join(',') || 'none');
}

/** Its name, unless there is one of that name already: a second one stays unused. */
function exporter(of: Tree, signal: Signal, before: string[], to: Variables): string[] {
  const all = section(of, 'exporter');
  const [kind] = Object.keys(all);
  const name = ({ otlp_http: 'otlp', otlp_grpc: 'otlp', console: 'console' } as Tree)[kind] as string | undefined;
  if (name === undefined || before.includes(name)) return [];
  const settings = section(all, kind);
  if (signal === 'METRICS') {
    const preference = taken(settings, 'temporality_preference')?.replace('_', '');
    set(to, 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', preference);
    const aggregation = taken(settings, 'default_histogram_aggregation');
    set(to, 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION', aggregation);
  }
  if (name === 'otlp') otlp(settings, kind === 'otlp_grpc', `OTEL_EXPORTER_OTLP_${signal}`, signal, to);
  if (Object.keys(settings).length === 0) delete all[kind];
  return [name];
}

function otlp(of: Tree, isGrpc: boolean, prefix: string, signal: Signal, to: Variables): void {
  const local = isGrpc ? 'http://localhost:4317' : `http://localhost:4318/v1/${signal.toLowerCase()}`;
  set(to, `${prefix}_ENDPOINT`, taken(of, 'endpoint') ?? local);
  const encoding = taken(of, 'encoding') ?? 'protobuf';
  set(to, `${prefix}_PROTOCOL`, isGrpc ? 'grpc' : `http/${encoding}`);
  const headers = mergeHeadersConfig(of.headers as never, taken(of, 'headers_list') ?? null) ?? {};
  delete of.headers;
  const written = Object.entries(headers).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  set(to, `${prefix}_HEADERS`, written.join(','));
  set(to, `${prefix}_COMPRESSION`, taken(of, 'compression'));
  set(to, `${prefix}_TIMEOUT`, taken(of, 'timeout'));
  const tls = section(of, 'tls');
  set(to, `${prefix}_CERTIFICATE`, taken(tls, 'ca_file'));
  set(to, `${prefix}_CLIENT_CERTIFICATE`, taken(tls, 'cert_file'));
  set(to, `${prefix}_CLIENT_KEY`, taken(tls, 'key_file'));
  set(to, `${prefix}_INSECURE`, taken(tls, 'insecure'));
  if (Object.keys(tls).length === 0) delete of.tls;
}

/** Nothing said: our own default. */
function sampler(of: Tree, to: Variables): void {
  const isParentBased = 'parent_based' in of;
  const parentBased = isParentBased ? section(of, 'parent_based') : of;
  const root = isParentBased ? section(parentBased, 'root') : of;
  const [kind] = Object.keys(root);
  const names: Readonly<Record<string, string>> = {
    always_on: 'always_on',
    always_off: 'always_off',
    trace_id_ratio_based: 'traceidratio',
  };
  if (kind === undefined && !isParentBased) return;
  const name = kind === undefined ? 'always_on' : names[kind];
  if (name === undefined) return;
  set(to, 'OTEL_TRACES_SAMPLER', `${isParentBased ? 'parentbased_' : ''}${name}`);
  if (kind === 'trace_id_ratio_based') {
    const settings = section(root, kind);
    set(to, 'OTEL_TRACES_SAMPLER_ARG', taken(settings, 'ratio') ?? '1');
  }
  if (kind !== undefined) delete root[kind];
}

function spanLimits(of: Tree, to: Variables): void {
  attributeLimits(of, 'OTEL_SPAN_ATTRIBUTE', to);
  set(to, 'OTEL_SPAN_EVENT_COUNT_LIMIT', taken(of, 'event_count_limit'));
  set(to, 'OTEL_SPAN_LINK_COUNT_LIMIT', taken(of, 'link_count_limit'));
  set(to, 'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', taken(of, 'event_attribute_count_limit'));
}

function attributeLimits(of: Tree, prefix: string, to: Variables): void {
  set(to, `${prefix}_VALUE_LENGTH_LIMIT`, taken(of, 'attribute_value_length_limit'));
  set(to, `${prefix}_COUNT_LIMIT`, taken(of, 'attribute_count_limit'));
}

/** What is below a key; an object of its own if there is nothing. */
function section(of: Tree, key: string): Tree {
  return (of[key] ?? {}) as Tree;
}

/** A value as text, which then is no longer there. */
function taken(of: Tree, key: string): string | undefined {
  const value = of[key];
  delete of[key];
  return value === undefined || value === null ? undefined : String(value);
}

function set(to: Variables, variable: string, value: string | undefined): void {
  if (value !== undefined && value !== '') to[variable] = value;
}

/** Paths of all values below; of an object without any, none. */
function leaves(value: unknown, path = ''): string[] {
  if (value === null || typeof value !== 'object') return value === undefined ? [] : [path];
  return Object.entries(value).flatMap(([key, below]) =>
    leaves(below, Array.isArray(value) ? `${path}[${key}]` : `${path}${path && '.'}${key}`),
  );
}
