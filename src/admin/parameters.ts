/** A parameter that is wrong: `message` is the one line to answer with. */
export class QueryError extends Error {}

/** What is asked for is not there: `message` is the one line to answer with. */
export class NotFound extends Error {}

/** Each key of a query from the text of the parameter of that name. */
export type Readers<T> = { [K in keyof Required<T>]: (text: string) => T[K] };

/** What the parameters of a URL say, of those there can be. Throws QueryError. */
export function parameters<T extends object>(query: URLSearchParams, readers: Readers<T>): Partial<T> {
  const read: Partial<T> = {};
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(readers, name)) {
      throw new QueryError(`unknown parameter ${shown(name)}; there is ${Object.keys(readers).join(', ')}`);
    }
    const [text, ...more] = query.getAll(name);
    if (more.length > 0) throw new QueryError(`${name}: given ${more.length + 1} times`);
    read[name as keyof T] = readers[name as keyof T](text);
  }
  return read;
}

export const anyText = (text: string): string => text;

export const oneOf =
  <const T extends string>(name: string, known: readonly T[]) =>
  (text: string): T => {
    if ((known as readonly string[]).includes(text)) return text as T;
    throw new QueryError(`${name}: there is no ${shown(text)}; there is ${known.join(', ')}`);
  };

export const whole =
  (name: string, least: number, most: number) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new QueryError(`${name}: not a whole number from ${least} to ${most}: ${shown(text)}`);
  };

export const seconds =
  (name: string) =>
  (text: string): number => {
    if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text);
    throw new QueryError(`${name}: not a number of seconds: ${shown(text)}`);
  };

const EPOCH_SECONDS = /^\d{1,11}(\.\d+)?$/;
/** A date is its first moment; a time without a zone is UTC. */
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** Milliseconds since the epoch. */
export const time =
  (name: string) =>
  (text: string): number => {
    if (EPOCH_SECONDS.test(text)) return Number(text) * 1000;
    // a plus sign that was not encoded is a space by now
    const iso = text.replace(' ', '+');
    const [, clock, , , zone] = ISO.exec(iso) ?? [];
    const at = ISO.test(iso) ? Date.parse(clock !== undefined && zone === undefined ? `${iso}Z` : iso) : Number.NaN;
    if (!Number.isNaN(at)) return at;
    throw new QueryError(`${name}: neither an ISO 8601 time nor seconds since the epoch: ${shown(text)}`);
  };

/** As JSON, so that the answer stays one line whatever was asked. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
