const TYPES = { openMetrics: 'application/openmetrics-text', text: 'text/plain' };

/** Which format an Accept header prefers: OpenMetrics only if it is named and not ranked below text. */
export function preferredFormat(accept: string | undefined): 'text' | 'openMetrics' {
  const ranges = (accept ?? '').split(',').map(parseRange);
  const weight = (type: string) => Math.max(0, ...ranges.filter((range) => range.type === type).map(({ q }) => q));
  const openMetrics = weight(TYPES.openMetrics);
  return openMetrics > 0 && openMetrics >= weight(TYPES.text) ? 'openMetrics' : 'text';
}

function parseRange(range: string): { type: string; q: number } {
  const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  return { type, q: Number.isNaN(weight) ? 0 : weight };
}
