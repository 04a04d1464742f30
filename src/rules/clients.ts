import { appName } from '../proxy/routing/app-name.ts';
import type { Client, ClientMatch } from '../proxy/routing/treatment.ts';
import { compilePattern } from './pattern.ts';
import type { RuleMatch } from './rule.ts';

/** Whether one of `matches` fits a client; every key it gives must. Throws PatternError. */
export function compileClients(matches: readonly ClientMatch[]): (client: Client) => boolean {
  const compiled = matches.map((match) =>
    (Object.entries(match) as [keyof ClientMatch, string][]).map(([key, text]) => [key, compilePattern(text)] as const),
  );
  return (client) =>
    compiled.some((patterns) => patterns.every(([key, pattern]) => pattern.match(client[key]) !== undefined));
}

/** What a rule's match asks of the client; undefined: nothing. Throws PatternError. */
export function compileClientMatch({ app, connection }: RuleMatch): ((client: Client) => boolean) | undefined {
  if (app === undefined && connection === undefined) return undefined;
  const byApp = app === undefined ? undefined : compilePattern(app);
  const byConnection = connection === undefined ? undefined : compilePattern(connection);
  return (client) =>
    (byApp === undefined || byApp.match(appName(client)) !== undefined) &&
    (byConnection === undefined || byConnection.match(client.connectionName) !== undefined);
}
