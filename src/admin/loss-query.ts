import type { LossQuery } from './sources.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const EPOCH_SECONDS = /^\d{1,11}(\.\d+)?$/;
/** A date is its first moment; a time without a zone is UTC. */
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** A parameter that is wrong: `message` is the one line to answer with. */
export class QueryError extends Error {}

/** Each key of a LossQuery from the text of the parameter of that name. */
const parameters: { [K in keyof Required<LossQuery>]: (text: string, reasons: readonly string[]) => LossQuery[K] } = {
  topic: (text) => text,
  reason: (text, reasons) => oneOf('reason', reasons, text),
  side: (text) => oneOf('side', ['publish', 'consume'] as const, text),
  since: (text) => time('since', text),
  until: (text) => time('until', text),
  limit: (text) => {
    const limit = Number(text);
    if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return limit;
    throw new QueryError(`limit: not a whole number from 1 to ${MAX_LIMIT}: ${shown(text)}`);
  },
};

/** What the parameters of `GET /api/losses` ask for. Throws QueryError. */
export function lossQuery(query: URLSearchParams, reasons: readonly string[]): LossQuery {
  const filter: Record<string, unknown> = { limit: DEFAULT_LIMIT };
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(parameters, name)) {
      throw new QueryError(`unknown parameter ${shown(name)}; there is ${Object.keys(parameters).join(', ')}`);
    }
    const [text, ...more] = query.getAll(name);
    if (more.length > 0) throw new QueryError(`${name}: given ${more.length + 1} times`);
    filter[name] = parameters[name as keyof LossQuery](text, reasons);
  }
  const { since, until } = filter as unknown as LossQuery;
  if (since !== undefined && until !== undefined && since > until) throw new QueryError('since: is after until');
  return filter as unknown as LossQuery;
}

function oneOf<T extends string>(name: string, known: readonly T[], text: string): T {
  if ((known as readonly string[]).includes(text)) return text as T;
  throw new QueryError(`${name}: there is no ${shown(text)}; there is ${known.join(', ')}`);
}

/** Milliseconds since the epoch. */
function time(name: string, text: string): number {
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
  // a plus sign that was not encoded is a space by now
  const iso = text.replace(' ', '+');
  const [, clock, , , zone] = ISO.exec(iso) ?? [];
  const at = ISO.test(iso) ? Date.parse(clock !== undefined && zone === undefined ? `${iso}Z` : iso) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new QueryError(`${name}: neither an ISO 8601 time nor seconds since the epoch: ${shown(text)}`);
}

/** As JSON, so that the answer stays one line whatever was asked. */
function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
