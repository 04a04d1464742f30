const OPEN_METRICS = 'application/openmetrics-text';
const TEXT = 'text/plain';
const PROTOBUF = 'application/vnd.google.protobuf';
/** The only message and encoding that there is. */
const FAMILIES = { proto: 'io.prometheus.client.metricfamily', encoding: 'delimited' };

export type Accepted = 'text' | 'openMetrics' | 'protobuf';

interface Range {
  type: string;
  parameters: Map<string, string>;
  q: number;
}

/**
 * Which format an Accept header prefers, as Prometheus's own clients choose it: protobuf or OpenMetrics only if it is
 * named and none of the others ranks above it.
 */
export function preferredFormat(accept: string | undefined): Accepted {
  const ranges = (accept ?? '').split(',').map(parseRange);
  const weight = (fits: (range: Range) => boolean) => Math.max(0, ...ranges.filter(fits).map(({ q }) => q));
  const protobuf = weight(isFamilies);
  const openMetrics = weight(({ type }) => type === OPEN_METRICS);
  const text = weight(({ type }) => type === TEXT);
  if (protobuf > 0 && protobuf >= Math.max(openMetrics, text)) return 'protobuf';
  return openMetrics > 0 && openMetrics >= text ? 'openMetrics' : 'text';
}

function isFamilies({ type, parameters }: Range): boolean {
  if (type !== PROTOBUF) return false;
  return Object.entries(FAMILIES).every(([name, value]) => parameters.get(name) === value);
}

function parseRange(range: string): Range {
  const [type, ...rest] = range.split(';').map((part) => part.trim().toLowerCase());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((each) => each.trim()) as [string, string]));
  const q = parameters.get('q');
  const weight = q === undefined ? 1 : Number(q);
  return { type, parameters, q: Number.isNaN(weight) ? 0 : weight };
}
