/**
 * What happened, told after the fact: the one vocabulary between the data plane and every sink.
 *
 * Messages appear here once, when their passage ends, and only if sampled or gone wrong; exact
 * counts never depend on these events (they live in tallies, proxy/ports/observer.ts), so a full ring
 * may drop events without making a figure untrue.
 *
 * Times are microseconds since the epoch. Ids are lowercase hex, '' for none.
 */
export type LifecycleEvent =
  | ConnectionOpened
  | ConnectionIdentified
  | ConnectionBlocked
  | ConnectionClosed
  | ChannelClosed
  | ConsumerStarted
  | ConsumerCancelled
  | PublishEnded
  | MessageLost
  | MessagePoisonous
  | DeliveryEnded;

export type LifecycleEventType = LifecycleEvent['type'];

/** All but the ends of passages, which are told more cheaply (passage.ts). */
export type OtherEvent = Exclude<LifecycleEvent, PublishEnded | DeliveryEnded>;

/** An app's TCP connection was accepted and the broker's end was dialled. */
export interface ConnectionOpened {
  type: 'connection.opened';
  at: number;
  /** unique among the connections of one process */
  connection: number;
  /** the app's address, `ip:port` */
  client: string;
  /** the broker's host and port as configured */
  brokerHost: string;
  brokerPort: number;
  /** why nothing of this connection is read; '' when it is */
  bypass: string;
}

/** connection.open-ok passed: who the app is. Credentials never appear here. */
export interface ConnectionIdentified {
  type: 'connection.identified';
  at: number;
  connection: number;
  vhost: string;
  user: string;
  /** what the app is called on the service map */
  app: string;
  /** client property connection_name */
  name: string;
  product: string;
  version: string;
  platform: string;
  /** product and version of the broker, as it says; '' if it did not */
  broker: string;
}

export interface ConnectionBlocked {
  type: 'connection.blocked';
  at: number;
  connection: number;
  /** false on connection.unblocked */
  blocked: boolean;
  reason: string;
}

/** Who ended a connection or channel: `network` is a reset or a FIN without connection.close. */
export type ClosedBy = 'app' | 'broker' | 'tracehare' | 'network';

export interface ConnectionClosed {
  type: 'connection.closed';
  at: number;
  connection: number;
  by: ClosedBy;
  /** AMQP reply code, 0 without one */
  code: number;
  text: string;
}

export interface ChannelClosed {
  type: 'channel.closed';
  at: number;
  connection: number;
  channel: number;
  by: ClosedBy;
  code: number;
  text: string;
}

export interface ConsumerStarted {
  type: 'consumer.started';
  at: number;
  connection: number;
  channel: number;
  consumerTag: string;
  queue: string;
  noAck: boolean;
}

export interface ConsumerCancelled {
  type: 'consumer.cancelled';
  at: number;
  connection: number;
  channel: number;
  consumerTag: string;
  queue: string;
  by: 'app' | 'broker';
}

/** What both passages of a message have in common. */
export interface MessagePassage {
  connection: number;
  channel: number;
  exchange: string;
  routingKey: string;
  topic: string;
  pipeline: string;
  startedAt: number;
  endedAt: number;
  /** '' if the message carries no valid context and none was started */
  traceId: string;
  /** the id this passage's span has if it is exported */
  spanId: string;
  /** the span the message's own context names; '' when the trace starts here */
  parentSpanId: string;
  /** tracestate that came with the parent, as it came */
  traceState: string;
  sampled: boolean;
  bodySize: number;
  messageId: string;
  correlationId: string;
  /** those that tracing.attributes.headers names, name and value */
  headers: readonly (readonly [string, string])[];
  /** faults that struck it, separated by commas; '' for none */
  fault: string;
  /** members of its baggage that spans show, as they came; '' for none */
  baggage: string;
}

/** A publish reached its outcome (docs/loss.md#how-a-messages-passage-ends). */
export interface PublishEnded extends MessagePassage {
  type: 'publish.ended';
  /** position in its channel, from 1; the app's delivery tag in confirm mode */
  sequence: number;
  outcome: 'success' | 'failed' | 'unknown';
  /** '' on success, else the label of event_lost_total or event_unknown_total */
  reason: string;
  /** the broker acked or nacked it */
  confirmed: boolean;
  /** of basic.return, or of the close that left it unknown; 0 without one */
  replyCode: number;
  replyText: string;
  /** how it is known which delivery it comes of; '' if it is not */
  cause: string;
  /** that delivery's span, '' without one */
  causeTraceId: string;
  causeSpanId: string;
  /** the parent of its own span, in place of what `parentSpanId` says */
  isCauseParent: boolean;
}

/**
 * A definite loss that no passage tells of: found after its publish had counted as success, or of
 * an unknown one among several. Losses with a passage are PublishEnded and DeliveryEnded.
 */
export interface MessageLost {
  type: 'message.lost';
  at: number;
  connection: number;
  channel: number;
  side: 'publish' | 'consume';
  exchange: string;
  /** '' if it is not known which of several messages it was */
  routingKey: string;
  topic: string;
  pipeline: string;
  queue: string;
  /** label of event_lost_total */
  reason: string;
  /** '' if unknown */
  traceId: string;
}

/** A message is delivered once more that has been tried too often (`rounds.poison`). */
export interface MessagePoisonous {
  type: 'message.poisonous';
  at: number;
  connection: number;
  exchange: string;
  routingKey: string;
  topic: string;
  pipeline: string;
  queue: string;
  /** at least so many */
  attempt: number;
  /** when it was first published, microseconds since the epoch; 0 if it is not known */
  firstPublished: number;
  messageId: string;
  traceId: string;
}

/** A delivery (basic.deliver) or a get-ok was settled, or never will be. */
export interface DeliveryEnded extends MessagePassage {
  type: 'delivery.ended';
  deliveryTag: number;
  via: 'deliver' | 'get';
  queue: string;
  consumerTag: string;
  redelivered: boolean;
  /** `none`: neither settled nor requeued, the channel or connection ended under auto-ack */
  settlement:
    | 'ack'
    | 'auto-ack'
    | 'reject'
    | 'nack'
    | 'recover'
    | 'consumer_cancelled'
    | 'channel_closed'
    | 'connection_closed'
    | 'none';
  outcome: 'success' | 'failed' | 'requeued' | 'unknown';
  /** '' on success, else the label of event_lost_total, event_requeued_total or event_unknown_total */
  reason: string;
  /** counted in event_lost_total: failed, and its queue not known to dead-letter */
  lost: boolean;
  /** publish seen by a Tracehare to this delivery, seconds; NaN if unknown or not a first delivery */
  latency: number;
  /** newest x-death entry; '' when the message was not dead-lettered */
  deadLetterQueue: string;
  deadLetterReason: string;
  /** how often it has been delivered, this time included: 1 for the first, at least so many for others */
  attempt: number;
  /** when it was published; 0 unless this is another attempt, or if it is not known */
  firstPublished: number;
  /** since when it has been in queues; 0 if it is not known */
  queuedAt: number;
  /** other attempts of its message are told of beside it, or were before */
  isContinued: boolean;
  /** seconds that it was to be kept back, by x-delay or a TTL before it was dead-lettered, and that it was; NaN if neither */
  delayPlanned: number;
  delayActual: number;
}
