import type { ClientMatch } from '../proxy/treatment.ts';
import { compilePattern } from './pattern.ts';

/** What a client says of itself; '' where it says nothing. */
export type Client = Required<ClientMatch>;

/** Whether one of `matches` fits a client; every key it gives must. Throws PatternError. */
export function compileClients(matches: readonly ClientMatch[]): (client: Client) => boolean {
  const compiled = matches.map((match) =>
    (Object.entries(match) as [keyof ClientMatch, string][]).map(([key, text]) => [key, compilePattern(text)] as const),
  );
  return (client) =>
    compiled.some((patterns) => patterns.every(([key, pattern]) => pattern.match(client[key]) !== undefined));
}
