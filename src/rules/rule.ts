import type { LossMode } from '../proxy/treatment.ts';

/** One rule as the file says it, checked; plain data that survives a structured clone. Patterns are still text. */
export interface Rule {
  /** at least one key; all that are given must match */
  match: RuleMatch;
  /** may refer to captures of the match: $1, ${name} */
  topic?: string;
  pipeline?: string;
  propagate?: boolean;
  loss?: RuleLoss;
}

export interface RuleMatch {
  vhost?: string;
  exchange?: string;
  routingKey?: string;
  /** never matches a publish */
  queue?: string;
  side?: 'publish' | 'consume';
}

/** Each key is an action of its own. */
export interface RuleLoss {
  mode?: LossMode;
  unroutable?: 'expected' | 'lost';
  /** first deliveries each publish should lead to, above 0 */
  fanout?: number;
  deadLetters?: boolean;
}
