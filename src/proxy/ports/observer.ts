import type { ClosedBy, OtherEvent } from '../../events/lifecycle.ts';
import type { Passage } from '../../events/passage.ts';
import type { Sighting } from './sighting.ts';

/**
 * What the data plane tells, and all it knows of whoever listens.
 *
 * Everything here is called on the traffic thread, in the middle of a chunk: no call may block,
 * allocate per message or wait. Calls that throw are counted and change nothing for the message
 * (proxy/plane/fail-open.ts). Durations are seconds.
 */
export interface Observer {
  /** The tally of one topic's publishes; asked once per route and then kept. */
  publishes(topic: string, pipeline: string): PublishTally;
  /** The tally of one topic's deliveries out of one queue. */
  deliveries(topic: string, pipeline: string, queue: string): DeliveryTally;
  /** The tally of one step of the service map; asked once per route and then kept. */
  hop(hop: Hop): HopTally;
  /** How far the messages of one route have come; asked once per route and then kept. */
  watermark(of: WatermarkNames): Watermark;
  /** Details of what happened. They go through a bounded ring: when it is full they are dropped and counted. */
  emit(event: OtherEvent): void;
  /** The end of a message's passage, told the same way. The object is reused: it is valid until this returns. */
  ended(passage: Passage): void;
  /** An app does what is mostly a mistake. Told each time. */
  saw(sighting: Sighting): void;
  readonly traffic: TrafficTally;
}

/** Definite losses and unknowns by reason; docs/loss.md says what each means. */
export type LossReason =
  | 'nacked'
  | 'unroutable'
  | 'rejected'
  | 'too_large'
  | 'invalid'
  | 'access_refused'
  | 'no_exchange'
  | 'autoack_undelivered'
  | 'delivery_limit'
  | 'fault';
export type UnknownReason =
  | 'unconfirmed_at_close'
  | 'connection_lost'
  | 'channel_error'
  | 'autoack_in_flight'
  | 'delivery_limit';
export type RequeueReason =
  | 'reject'
  | 'nack'
  | 'recover'
  | 'consumer_cancelled'
  | 'channel_closed'
  | 'connection_closed';

/** Messages under a rate limit (proxy/routing/rate-limit.ts). */
export interface PacedTally {
  /** One came faster than the limit of its rule. */
  overRate(): void;
  /** For so many seconds nothing was read behind a message. */
  heldBack(seconds: number): void;
}

/** `count`, 1 unless given: how many had all of it in common; `bodyBytes` is then of all of them. */
export interface PublishTally extends PacedTally {
  /** A whole publish went towards the broker. */
  passed(bodyBytes: number, count?: number): void;
  succeeded(seconds: number, count?: number): void;
  /** Definitely lost. Counted once as failed and once as lost. */
  lost(reason: LossReason, seconds: number): void;
  /** The broker refused it, and may have dead-lettered it all the same: failed, and not lost. */
  spared(seconds: number): void;
  /** A return that came after its publish had counted as success: lost, but no second outcome. */
  lostLate(reason: LossReason): void;
  unknown(reason: UnknownReason, count?: number): void;
  /** The broker acked or nacked, `seconds` after the publish passed. */
  confirmed(seconds: number, count?: number): void;
  /** Unroutable where configuration expects it: no outcome, no loss, counted apart. */
  unroutedAsExpected(): void;
  /** First deliveries configuration expects of each publish of this topic; told once per route. */
  fanout(deliveries: number): void;
}

/** `count` as in PublishTally. */
export interface DeliveryTally extends PacedTally {
  /** A whole delivery or get-ok went towards the app. */
  passed(bodyBytes: number, redelivered: boolean, get: boolean, count?: number): void;
  /**
   * First delivery of a message stamped by a Tracehare: neither redelivered nor dead-lettered since, and out of no stream.
   * `seconds` since its publish; NaN when its stamp tells no latency.
   */
  first(seconds: number, count?: number): void;
  /**
   * Read from a stream, for the first time or again. `seconds` since its publish, for one that was published since its
   * consumer began and that this has not read before; else NaN.
   */
  streamRead(seconds: number, count?: number): void;
  /** Acked, or flushed to the app under no-ack (then `seconds` is 0 and is not a processing time). */
  succeeded(seconds: number, autoAck: boolean, count?: number): void;
  /** Of those that end so, or `failed`, what is known to have been a wait for their handler, and what that took: seconds of each. */
  handled(waited: number, worked: number, count?: number): void;
  /**
   * Rejected or nacked without requeue, or requeued once too often, `lost` unless the queue is known to dead-letter; or
   * lost under auto-ack: then `seconds` is NaN.
   */
  failed(reason: LossReason, seconds: number, lost: boolean): void;
  requeued(reason: RequeueReason, count?: number): void;
  unknown(reason: UnknownReason, count?: number): void;
  deadLettered(fromQueue: string, reason: string): void;
  /** Change of the number of deliveries awaiting settlement. */
  unsettled(change: number): void;
}

/** What one app sends to an exchange, or gets out of a queue. */
export interface Hop {
  side: 'publish' | 'consume';
  vhost: string;
  pipeline: string;
  /** the app's name (proxy/routing/app-name.ts) */
  app: string;
  exchange: string;
  routingKey: string;
  /** '' for publishes */
  queue: string;
}

export interface HopTally {
  /** One message took it; a redelivered one was routed to its queue before. */
  passed(redelivered: boolean, count?: number): void;
  /** One of them is definitely lost. */
  lost(): void;
}

/** Messages that go to the same queues, and out of a queue in the order in which they were published. */
export interface WatermarkNames {
  topic: string;
  pipeline: string;
  /** undefined: of publishes */
  queue: string | undefined;
  routingKey: string;
}

/** Stamps are x-tracehare-sent: microseconds since the epoch, NaN where there is none. */
export interface Watermark {
  /** A message of this stamp was published, or delivered. */
  reached(stamp: number): void;
  /** A delivery of this stamp waits in its queue again, for its consumer has gone. */
  wentBack(stamp: number): void;
}

export type Direction = 'upstream' | 'downstream';

/** Why something was passed on without being observed, or without being injected into. */
export type Unobserved =
  | 'unknown_protocol'
  | 'bypass'
  | 'frame_error'
  | 'malformed_method'
  | 'malformed_content'
  | 'frame_max'
  | 'window_full'
  | 'requests_full'
  | 'consumers_full'
  | 'internal_error';

/** The sidecar itself: figures without a topic. */
export interface TrafficTally {
  connections(change: 1 | -1): void;
  /** a connection is a plain pipe from here on; `connections` has counted it as well */
  bypassed(reason: 'unknown_protocol' | 'bypass' | 'frame_error'): void;
  connectionClosed(by: ClosedBy, code: number): void;
  /** refused because of a limit or an unreachable upstream */
  connectionRefused(reason: 'limit' | 'upstream_unreachable' | 'tls_handshake'): void;
  channels(change: number): void;
  upstreamUp(upstream: string, up: boolean): void;
  /** bytes read from one side and handed to the other */
  bytes(direction: Direction, count: number): void;
  /** chunk read to chunk handed to the kernel */
  added(direction: Direction, seconds: number): void;
  /** connection.blocked has ended, or goes on: seconds since this was last told */
  blocked(seconds: number): void;
  unobserved(why: Unobserved): void;
  /** an observer or interceptor threw */
  observerFailed(): void;
  /** a first delivery stamped `seconds` later than now, `nowMs` of a steady clock: counted instead of observed */
  negativeLatency(seconds: number, nowMs: number): void;
  /** a first delivery whose stamp can't be when its publish passed: it has no latency */
  implausibleStamp(why: 'past' | 'future' | 'unreadable'): void;
  /** a client that selected tx after our confirm.select: it is not shadowed again */
  shadowConflict(): void;
  clockReanchored(): void;
  /** a fault of configuration struck a message, a dial or a connection */
  faultInjected(type: string): void;
}
