import { QueryError } from './loss-query.ts';

/** Parameters of a query that are texts, each given once at most. Throws QueryError. */
export function stringQuery<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const filter: Partial<Record<Name, string>> = {};
  for (const name of new Set(query.keys())) {
    const known = names.find((parameter) => parameter === name);
    if (known === undefined) {
      throw new QueryError(`unknown parameter ${JSON.stringify(name.slice(0, 100))}; there is ${names.join(', ')}`);
    }
    const [text, ...more] = query.getAll(name);
    if (more.length > 0) throw new QueryError(`${name}: given ${more.length + 1} times`);
    filter[known] = text;
  }
  return filter;
}
