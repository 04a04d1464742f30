import type { FaultSpec } from '../faults/spec.ts';
import type { LossMode } from '../proxy/routing/treatment.ts';

/** One rule as the file says it, checked; plain data that survives a structured clone. Patterns are still text. */
export interface Rule {
  /** at least one key; all that are given must match */
  match: RuleMatch;
  /** may refer to captures of the match: $1, ${name} */
  topic?: string;
  pipeline?: string;
  propagate?: boolean;
  loss?: RuleLoss;
  /** share of new traces, 0 to 1 */
  sample?: number;
  headers?: RuleHeaders;
  /** messages a second on each connection */
  rateLimit?: number;
  faults?: FaultSpec[];
}

/** Properties of a message that rules can go by, in the order in which their captures are counted. */
export const matchedProperties = [
  'type',
  'appId',
  'contentType',
  'contentEncoding',
  'priority',
  'deliveryMode',
  'userId',
] as const;

export interface RuleMatch {
  vhost?: string;
  exchange?: string;
  routingKey?: string;
  /** never matches a publish */
  queue?: string;
  side?: 'publish' | 'consume';
  /** the app's name (proxy/routing/app-name.ts) */
  app?: string;
  /** client property connection_name */
  connection?: string;
  /** the value's pattern, or whether there is one at all */
  properties?: { [Name in (typeof matchedProperties)[number]]?: string | boolean };
  /** by name: the value's pattern, or whether there is one at all */
  headers?: Record<string, string | boolean>;
  /** 0 to 1, drawn for each message */
  probability?: number;
}

/** One action: the first rule that mentions it decides on all of it. */
export interface RuleHeaders {
  add?: Record<string, string>;
  remove?: string[];
  /** `add` replaces what the app set */
  replace?: boolean;
}

/** Each key is an action of its own. */
export interface RuleLoss {
  mode?: LossMode;
  unroutable?: 'expected' | 'lost';
  /** first deliveries each publish should lead to, above 0 */
  fanout?: number;
  deadLetters?: boolean;
}
