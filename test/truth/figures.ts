import type { Metrics } from '../../testing/metrics.ts';

/** Counts by sample, `name{label="value",…}` with the labels in order. */
export type Figures = Map<string, number>;

export function sampleOf(name: string, labels: Record<string, string>): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${name}{${sorted.map(([key, value]) => `${key}="${value}"`).join(',')}}`;
}

/** What is the same for all messages of a test. */
export interface Setting {
  pipeline: string;
  serverPort: number;
}

/** Message counts as a test makes them by itself, under the names that a sidecar exposes them by (docs/metrics.md). */
export class Count {
  readonly figures: Figures = new Map();
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  published(topic: string, size: number): void {
    this.#event('bytes_total', topic, { side: 'publish' }, size);
  }

  /** `reason`: '' is success, else why it failed */
  publishEnded(topic: string, reason = ''): void {
    this.#event('throughput_total', topic, { side: 'publish', status: reason === '' ? 'success' : 'failed' });
    if (reason !== '') this.#event('lost_total', topic, { side: 'publish', reason });
    this.#messaging('client_sent_messages_total', 'publish', topic, reason);
    this.#messaging('client_operation_duration_seconds_count', 'publish', topic, reason);
  }

  publishUnknown(topic: string, reason: string): void {
    this.#event('unknown_total', topic, { side: 'publish', reason });
    this.#messaging('client_sent_messages_total', 'publish', topic, reason);
  }

  confirmed(topic: string): void {
    this.#event('confirm_seconds_count', topic);
  }

  delivered(topic: string, size: number, { redelivered, got, deadLettered = false }: Delivered): void {
    this.#event('bytes_total', topic, { side: 'consume' }, size);
    this.#messaging('client_consumed_messages_total', got ? 'receive' : 'process', topic);
    if (redelivered) this.#event('redelivered_total', topic);
    else if (!deadLettered) {
      this.#event('first_deliveries_total', topic);
      this.#event('latency_seconds_count', topic);
    }
  }

  autoAcked(topic: string): void {
    this.#event('throughput_total', topic, { side: 'consume', status: 'success' });
    this.#event('attempts_count', topic);
    this.#event('time_to_success_seconds_count', topic);
  }

  acked(topic: string, queue: string): void {
    this.autoAcked(topic);
    this.#settled(topic, queue, '');
  }

  rejected(topic: string, queue: string, lost = true): void {
    this.#event('throughput_total', topic, { side: 'consume', status: 'failed' });
    if (lost) this.#event('lost_total', topic, { side: 'consume', reason: 'rejected' });
    this.#settled(topic, queue, 'rejected');
  }

  /** Given back to a queue that dead-letters it instead. */
  overLimit(topic: string, queue: string): void {
    this.#event('throughput_total', topic, { side: 'consume', status: 'failed' });
    this.#settled(topic, queue, 'delivery_limit');
  }

  requeued(topic: string, reason: string): void {
    this.#event('requeued_total', topic, { reason });
  }

  deadLettered(topic: string, queue: string, reason: string): void {
    this.#event('dead_lettered_total', topic, { queue, reason });
  }

  add(figures: Figures): void {
    for (const [sample, count] of figures) this.#add(sample, count);
  }

  #settled(topic: string, queue: string, error: string): void {
    this.#event('processing_seconds_count', topic, { queue });
    this.#messaging('process_duration_seconds_count', 'process', topic, error);
  }

  #event(name: string, topic: string, labels: Record<string, string> = {}, count = 1): void {
    this.#add(sampleOf(`event_${name}`, { topic, pipeline: this.#setting.pipeline, ...labels }), count);
  }

  #messaging(name: string, operation: string, topic: string, error = ''): void {
    const labels = {
      messaging_system: 'rabbitmq',
      messaging_operation_name: operation,
      messaging_operation_type: operation === 'publish' ? 'send' : operation,
      messaging_destination_template: topic,
      server_address: '127.0.0.1',
      server_port: String(this.#setting.serverPort),
      ...(error === '' ? {} : { error_type: error }),
    };
    this.#add(sampleOf(`messaging_${name}`, labels), 1);
  }

  #add(sample: string, count: number): void {
    if (count !== 0) this.figures.set(sample, (this.figures.get(sample) ?? 0) + count);
  }
}

export interface Delivered {
  redelivered: boolean;
  got: boolean;
  /** carries x-death */
  deadLettered?: boolean;
}

/**
 * What time decides: moments, whether the order of settlements proved how long a handler took, and which messages happen
 * to be given back more often than others.
 */
const BY_TIME =
  /^event_(?:published|delivered)_timestamp_seconds$|^event_(?:handler|prefetch_wait)_seconds_count$|^event_poison_total$/;

/** Every count of messages that a sidecar exposes, but for zeros and for what time decides. */
export function figuresOf(metrics: Metrics): Figures {
  return new Map(
    metrics.samples
      .filter(
        ({ name, value }) =>
          /^(event|messaging)_/.test(name) && !/(_bucket|_sum|_loss_rate)$/.test(name) && !BY_TIME.test(name) && value,
      )
      .map(({ name, labels, value }) => [sampleOf(name, labels), value]),
  );
}

/** For a readable comparison: sorted, as an object. */
export const sorted = (figures: Figures): Record<string, number> =>
  Object.fromEntries([...figures].sort(([a], [b]) => (a < b ? -1 : 1)));
