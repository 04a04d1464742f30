import type { LossReason } from '../../proxy/ports/observer.ts';

/** One definite loss. Names are as on the wire, '' where there is none or nobody knows. */
export interface Loss {
  /** when it was found, or when a publish without confirms was flushed: ISO 8601 in UTC with milliseconds */
  time: string;
  side: 'publish' | 'consume';
  exchange: string;
  routingKey: string;
  topic: string;
  pipeline: string;
  /** of deliveries: where the message came from */
  queue: string;
  /** label of event_lost_total */
  reason: string;
  /** 32 hex digits */
  traceId: string;
  /** as in the log and on spans */
  connection: number;
  channel: number;
  /** the app's own name for it, else its client library's product name */
  connectionName: string;
  /** the broker's words, of basic.return or of the close: left out where it said none */
  replyCode?: number;
  replyText?: string;
  /** left out where the message has none, or was not looked at because it is not sampled */
  messageId?: string;
}

/** The compiler holds this against the reasons: one forgotten here does not compile. */
const reasons: Record<LossReason, true> = {
  unroutable: true,
  nacked: true,
  rejected: true,
  too_large: true,
  invalid: true,
  access_refused: true,
  no_exchange: true,
  autoack_undelivered: true,
  delivery_limit: true,
  fault: true,
};

/** Every reason a loss can have. */
export const LOSS_REASONS: readonly string[] = Object.keys(reasons);
