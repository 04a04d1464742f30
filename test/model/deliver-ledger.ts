import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
import type { RequeueReason } from '../../src/proxy/ports/observer.ts';

// What must be counted and told of deliveries, kept in plain lists by docs/loss.md: slow, and so simple
// that it is right at sight. It knows nothing of how the data plane does it.

/** A message on its way to the app, and all that a sidecar can know of it. */
export interface Delivery {
  channel: number;
  tag: number;
  via: 'deliver' | 'get';
  consumerTag: string;
  /** which of the channel's consumers, 0 for a get: a tag may have been another's */
  consumer: number;
  queue: string;
  exchange: string;
  routingKey: string;
  noAck: boolean;
  redelivered: boolean;
  size: number;
  /** 'fresh': it has no context, and is sampled all the same */
  traceId: string;
  parentSpanId: string;
  traceState: string;
  sampled: boolean;
  messageId: string;
  correlationId: string;
  /** seconds since its publish; undefined: no Tracehare stamped it */
  age: number | undefined;
  /** the newest entry of its x-death, if it died since it was stamped, or nobody can tell; `time` in seconds */
  death: { queue: string; reason: string; time: number } | undefined;
  /** out of a stream, 'new': published while its consumer was there, and not read before by it */
  stream: 'no' | 'new' | 'old';
  /** ms */
  at: number;
}

export type How = 'ack' | 'nack' | 'reject';

interface Open {
  delivery: Delivery;
  /** false: there was no room for it, so its outcome will not be known; or it is told already, and open to the broker only */
  followed: boolean;
  /** in a transaction: the app has settled it, the commit is still to come */
  settled: { how: How; requeue: boolean } | undefined;
}

/** Not compared of a delivery.ended event. The rounds of a message are those of the broker's, and the model has none. */
type Left = 'type' | 'connection' | 'pipeline' | 'startedAt' | 'endedAt' | 'fault' | 'headers' | 'baggage';
type Rounds = 'attempt' | 'isContinued' | 'firstPublished' | 'queuedAt' | 'delayPlanned' | 'delayActual';

export type Told = Omit<DeliveryEnded, Left | Rounds> & {
  /** ms since the start */
  from: number;
  to: number;
};

const RECENT_MS = 1000;
/** Settlements that are not told apart when it comes to how long ago they were. */
const TOGETHER_MS = 50;

/** Settlements of one channel that the broker may not have read. */
interface Lately {
  since: number;
  until: number;
  /** an answer that was asked for behind them shows that they were read */
  closed: boolean;
  topics: string[];
}

export const topicOf = ({ exchange, routingKey }: { exchange: string; routingKey: string }): string =>
  exchange || routingKey;

/** One series as a line of its own. */
export function series(name: string, labels: Record<string, string>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${name} ${sorted.map(([key, value]) => `${key}=${value}`).join(' ')}`.trim();
}

export class Ledger {
  readonly counts = new Map<string, number>();
  now = 0;
  /** the wall at the start, ms */
  start = 0;
  #told: Told[] = [];
  #open: Open[] = [];
  /** auto-ack deliveries that the kernel has not taken */
  #held: Delivery[] = [];
  /** those it took, and when */
  #sent: { delivery: Delivery; at: number }[] = [];
  readonly #lately = new Map<number, Lately[]>();
  #behind = false;
  #behindUntil = Number.NEGATIVE_INFINITY;
  readonly #window: number;
  /** by a rule, by their declarations, by an x-death */
  readonly #kept: Set<string>;
  readonly #declared = new Set<string>();
  readonly #learned = new Set<string>();
  /** when each queue was last declared or deleted, ms, and whether it is a stream */
  readonly #seen = new Map<string, { at: number; isStream: boolean | undefined }>();

  /** `window`: deliveries followed on one channel. `deadLetters`: queues that a rule says to dead-letter. */
  constructor(window: number, deadLetters: string[]) {
    this.#window = window;
    this.#kept = new Set(deadLetters);
  }

  /** What must have been told since the last call. */
  told(): Told[] {
    return this.#told.splice(0);
  }

  /** Tags that the app may settle, the oldest first. */
  unsettled(channel: number): number[] {
    return this.#on(channel).flatMap(({ delivery, settled }) => (settled === undefined ? [delivery.tag] : []));
  }

  /** All bytes of it have passed. */
  delivered(delivery: Delivery): void {
    const { channel, queue, exchange, redelivered, size, age, death, noAck, via } = delivery;
    const topic = topicOf(delivery);
    this.#count('event_bytes_total', { topic, side: 'consume' }, size);
    this.#count('messaging_client_consumed_messages_total', {
      messaging_destination_template: topic,
      messaging_operation_name: via === 'get' ? 'receive' : 'process',
    });
    this.#count('tracehare_topology_messages_total', { id: `queue:/:${queue} > app:tracehare-bench/guest` });
    if (exchange !== '' && !redelivered) {
      this.#count('tracehare_topology_messages_total', { id: `exchange:/:${exchange} > queue:/:${queue}` });
    }
    if (redelivered) this.#count('event_redelivered_total', { topic });
    const { stream } = delivery;
    if (stream !== 'no') this.#count('event_stream_reads_total', { topic });
    if (death !== undefined) {
      if (stream !== 'old') this.#learn(death, age);
      const { queue, reason } = death;
      if (!redelivered && stream === 'no') this.#count('event_dead_lettered_total', { topic, queue, reason });
    } else if (!redelivered && age !== undefined && stream !== 'old') {
      if (stream === 'no') this.#count('event_first_deliveries_total', { topic });
      if (age < 0) this.#count('tracehare_negative_latency_total', {});
      else this.#observe('event_latency_seconds', { topic }, age);
    }
    if (noAck) this.#held.push(delivery);
    else {
      const followed = this.#on(channel).filter((open) => open.followed).length < this.#window;
      this.#open.push({ delivery, followed, settled: undefined });
      if (followed) this.#count('tracehare_unsettled_deliveries', { topic, queue });
      else this.#count('tracehare_unobserved_total', { reason: 'window_full' });
    }
  }

  /** The socket holds bytes that the kernel did not take. */
  fellBehind(): void {
    this.#behind = true;
  }

  /** The kernel has taken all. */
  flushed(): void {
    if (this.#behind) this.#behindUntil = this.now;
    this.#behind = false;
    for (const delivery of this.#held.splice(0)) {
      this.#count('event_throughput_total', { topic: topicOf(delivery), side: 'consume', status: 'success' });
      this.#sent.push({ delivery, at: this.now });
      if (isTold(delivery))
        this.#tell(delivery, { settlement: 'auto-ack', outcome: 'success', reason: '', lost: false });
    }
  }

  /** basic.ack, basic.nack or basic.reject; with `multiple` all up to `tag`, or all (0). */
  settles(channel: number, how: How, tag: number, multiple: boolean, requeue: boolean, transactional: boolean): void {
    for (const open of this.#on(channel)) {
      const covered = multiple ? tag === 0 || open.delivery.tag <= tag : open.delivery.tag === tag;
      if (!covered || open.settled !== undefined) continue;
      if (transactional) open.settled = { how, requeue };
      else this.#settle(open, how, requeue, true);
    }
  }

  /** The app's settlements that wait for a commit; `commit` or `rollback` follows. */
  uncommitted(channel: number): { commit(): void; rollback(): void } {
    const waiting = this.#on(channel).filter(({ settled }) => settled !== undefined);
    return {
      commit: () => {
        for (const open of waiting) {
          if (open.settled !== undefined && this.#open.includes(open)) {
            this.#settle(open, open.settled.how, open.settled.requeue, false);
          }
        }
      },
      rollback: () => {
        for (const open of waiting) open.settled = undefined;
      },
    };
  }

  /** basic.recover: what the app has not settled goes back; what it settled still waits for its commit. */
  recovered(channel: number): void {
    for (const open of this.#on(channel)) if (open.settled === undefined) this.#requeue(open, 'recover');
  }

  /** The app asks for something on the channel; `answered` follows with what this returns. */
  asked(channel: number): Lately[] {
    const lately = this.#lately.get(channel) ?? [];
    for (const each of lately) each.closed = true;
    return lately.slice();
  }

  answered(channel: number, read: Lately[]): void {
    const lately = this.#lately.get(channel) ?? [];
    this.#lately.set(
      channel,
      lately.filter((each) => !read.includes(each)),
    );
  }

  /** The broker closes the channel and does not say at what: what was settled last may not have been read. */
  crossed(channel: number): void {
    for (const { until, topics } of this.#lately.get(channel) ?? []) {
      if (this.now - until > RECENT_MS) continue;
      for (const topic of topics)
        this.#count('event_unknown_total', { topic, side: 'consume', reason: 'channel_error' });
    }
  }

  /** The broker cancelled a consumer: its deliveries go back, and their tags stay open. */
  cancelled(channel: number, consumer: number): void {
    for (const open of this.#on(channel)) {
      if (open.delivery.consumer !== consumer || open.settled !== undefined) continue;
      this.#requeue(open, 'consumer_cancelled');
      this.#open.push({ ...open, followed: false });
    }
    this.#open.sort((a, b) => a.delivery.tag - b.delivery.tag);
  }

  #settledNow({ channel, ...names }: Delivery): void {
    const lately = this.#lately.get(channel) ?? [];
    const last = lately.at(-1);
    if (last !== undefined && !last.closed && this.now - last.since < TOGETHER_MS) {
      last.until = this.now;
      last.topics.push(topicOf(names));
    } else lately.push({ since: this.now, until: this.now, closed: false, topics: [topicOf(names)] });
    this.#lately.set(channel, lately);
  }

  channelEnded(channel: number, reason: 'channel_closed' | 'connection_closed'): void {
    this.#lately.delete(channel);
    for (const open of this.#on(channel)) this.#requeue(open, reason);
  }

  /** The broker granted it, for a queue that has no messages and no consumers. */
  declared(queue: string, deadLetters: boolean, isStream: boolean): void {
    this.deleted(queue);
    if (deadLetters) this.#declared.add(queue);
    this.#seen.set(queue, { at: this.now, isStream });
  }

  deleted(queue: string): void {
    this.#declared.delete(queue);
    this.#learned.delete(queue);
    this.#seen.set(queue, { at: this.now, isStream: undefined });
  }

  isStream(queue: string): boolean | undefined {
    return this.#seen.get(queue)?.isStream;
  }

  /** A queue that is declared anew may not dead-letter any more, whatever messages say that died before. */
  #learn({ queue, time }: { queue: string; time: number }, age: number | undefined): void {
    const seen = this.#seen.get(queue);
    const published = age === undefined ? Number.NEGATIVE_INFINITY : this.now - age * 1000;
    if (seen === undefined || time * 1000 - this.start > seen.at || published > seen.at) this.#learned.add(queue);
  }

  /** Both sockets are gone. `vanished`: the app went without a word. */
  connectionGone(vanished: boolean): void {
    const recent = this.#behind || this.now - this.#behindUntil < RECENT_MS;
    for (const delivery of this.#held.splice(0)) {
      this.#fail(delivery, 'autoack_undelivered', true);
      this.#tell(delivery, { settlement: 'none', outcome: 'failed', reason: 'autoack_undelivered', lost: true });
    }
    for (const { delivery, at } of this.#sent) {
      if (!vanished || (!recent && this.now - at > RECENT_MS)) continue;
      this.#count('event_unknown_total', { topic: topicOf(delivery), side: 'consume', reason: 'autoack_in_flight' });
    }
    for (const open of this.#open.slice()) this.#requeue(open, 'connection_closed');
  }

  #on(channel: number): Open[] {
    return this.#open.filter(({ delivery }) => delivery.channel === channel);
  }

  /** False: nobody followed it. */
  #closes(open: Open): boolean {
    this.#open.splice(this.#open.indexOf(open), 1);
    if (!open.followed) return false;
    const { queue } = open.delivery;
    this.#count('tracehare_unsettled_deliveries', { topic: topicOf(open.delivery), queue }, -1);
    return true;
  }

  /** `atOnce`: the broker has yet to read it. */
  #settle(open: Open, how: How, requeue: boolean, atOnce: boolean): void {
    if (how !== 'ack' && requeue && open.delivery.stream === 'no') {
      this.#requeue(open, how);
      return;
    }
    if (!this.#closes(open)) return;
    const { delivery } = open;
    if (atOnce) this.#settledNow(delivery);
    const topic = topicOf(delivery);
    const { queue } = delivery;
    const seconds = (this.now - delivery.at) / 1000;
    this.#observe('event_processing_seconds', { topic, queue }, seconds);
    const error: Record<string, string> = how === 'ack' ? {} : { error_type: 'rejected' };
    this.#observe('messaging_process_duration_seconds', { messaging_destination_template: topic, ...error }, seconds);
    if (how === 'ack') {
      this.#count('event_throughput_total', { topic, side: 'consume', status: 'success' });
      if (isTold(delivery)) this.#tell(delivery, { settlement: 'ack', outcome: 'success', reason: '', lost: false });
      return;
    }
    const goesOn = [this.#kept, this.#declared, this.#learned].some((queues) => queues.has(queue));
    const lost = delivery.stream === 'no' && !goesOn;
    this.#fail(delivery, 'rejected', lost);
    this.#tell(delivery, { settlement: how, outcome: 'failed', reason: 'rejected', lost });
  }

  #fail(delivery: Delivery, reason: string, lost: boolean): void {
    const topic = topicOf(delivery);
    this.#count('event_throughput_total', { topic, side: 'consume', status: 'failed' });
    if (!lost) return;
    this.#count('event_lost_total', { topic, side: 'consume', reason });
    this.#count('tracehare_topology_lost_total', { id: `queue:/:${delivery.queue} > app:tracehare-bench/guest` });
  }

  #requeue(open: Open, reason: RequeueReason): void {
    if (!this.#closes(open)) return;
    const { delivery } = open;
    const isQueue = delivery.stream === 'no';
    if (isQueue) this.#count('event_requeued_total', { topic: topicOf(delivery), reason });
    const outcome = isQueue ? 'requeued' : 'unknown';
    if (isTold(delivery)) this.#tell(delivery, { settlement: reason, outcome, reason, lost: false });
  }

  #tell(of: Delivery, outcome: Pick<Told, 'settlement' | 'outcome' | 'reason' | 'lost'>): void {
    const comes = !of.redelivered && of.stream !== 'old';
    const first = comes && of.death === undefined && of.age !== undefined && of.age >= 0;
    this.#told.push({
      ...outcome,
      channel: of.channel,
      deliveryTag: of.tag,
      via: of.via,
      consumerTag: of.consumerTag,
      queue: of.queue,
      exchange: of.exchange,
      routingKey: of.routingKey,
      topic: topicOf(of),
      redelivered: of.redelivered,
      bodySize: of.size,
      sampled: of.sampled,
      traceId: of.traceId,
      spanId: of.sampled ? 'fresh' : '',
      parentSpanId: of.parentSpanId,
      traceState: of.traceState,
      messageId: of.messageId,
      correlationId: of.correlationId,
      latency: first ? (of.age as number) : Number.NaN,
      deadLetterQueue: of.death?.queue ?? '',
      deadLetterReason: of.death?.reason ?? '',
      from: of.at,
      to: this.now,
    });
  }

  #count(name: string, labels: Record<string, string>, by = 1): void {
    const key = series(name, labels);
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }

  #observe(name: string, labels: Record<string, string>, seconds: number): void {
    this.#count(`${name}_count`, labels);
    this.#count(`${name}_sum`, labels, seconds);
  }
}

/** However well it ends: also what somebody refused before, to the end of its story. */
const isTold = ({ sampled, stream, death, traceId }: Delivery): boolean =>
  sampled || (stream === 'no' && death?.reason === 'rejected' && traceId !== '');
