import { QueryError } from './loss-query.ts';
import type { TopologyQuery } from './sources.ts';

const PARAMETERS = ['pipeline', 'vhost'] as const satisfies readonly (keyof TopologyQuery)[];

/** What the parameters of `GET /api/topology` ask for. Throws QueryError. */
export function topologyQuery(query: URLSearchParams): TopologyQuery {
  const filter: TopologyQuery = {};
  for (const name of new Set(query.keys())) {
    const known = PARAMETERS.find((parameter) => parameter === name);
    if (known === undefined) {
      throw new QueryError(
        `unknown parameter ${JSON.stringify(name.slice(0, 100))}; there is ${PARAMETERS.join(', ')}`,
      );
    }
    const [text, ...more] = query.getAll(name);
    if (more.length > 0) throw new QueryError(`${name}: given ${more.length + 1} times`);
    filter[known] = text;
  }
  return filter;
}
