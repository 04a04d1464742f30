import { useEffect, useState } from 'preact/hooks';

/** Where the reader is: the parts of the path behind `#/`, and what was asked for. */
export interface Route {
  parts: string[];
  query: URLSearchParams;
}

/** What every view is given. */
export interface ViewProps {
  route: Route;
}

/** Of a hash like `#/topics/orders?side=publish`. What can't be decoded is taken as it stands. */
export function parseRoute(hash: string): Route {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return {
    parts: path
      .split('/')
      .filter((part) => part !== '')
      .map(decode),
    query: new URLSearchParams(query),
  };
}

/** A link to a view. Empty values are left out. */
export function href(parts: readonly string[], query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => (entry[1] ?? '') !== '');
  const asked = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  return `#/${parts.map(encodeURIComponent).join('/')}${asked}`;
}

/** Changes what is asked for without a step in the history: who goes back leaves the view. */
export function replaceQuery(route: Route, query: Record<string, string | undefined>): void {
  const all = { ...Object.fromEntries(route.query), ...query };
  history.replaceState(null, '', href(route.parts, all));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
