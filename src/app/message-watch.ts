import type { MessageWatcher } from '../admin/sources.ts';
import type { EventBus } from '../events/bus.ts';
import { hexOf } from '../events/hex.ts';
import type { MessageLost } from '../events/lifecycle.ts';
import { type Passage, REDELIVERED, SAMPLED, TRACED } from '../events/passage.ts';
import { ConnectionTable } from '../telemetry/connections.ts';
import { traceOutcome } from '../telemetry/export/kept-traces.ts';
import type { TrafficThread } from '../threads/traffic-thread.ts';

type Message = Parameters<MessageWatcher['ended']>[0];

/**
 * Who watches messages as they end. As long as nobody does, the traffic threads tell no more of them than they would
 * anyway, and here nothing is made of what they tell.
 */
export class MessageWatch {
  readonly #threads: readonly TrafficThread[];
  readonly #watchers = new Set<MessageWatcher>();
  readonly #connections = new ConnectionTable();
  /** by thread, messages that it did not tell of because they were too many */
  readonly #skipped: number[] = [];

  constructor(bus: EventBus, threads: readonly TrafficThread[]) {
    this.#threads = threads;
    for (const type of ['connection.opened', 'connection.identified', 'connection.closed'] as const) {
      bus.on(type, (event) => this.#connections.observe(event));
    }
    bus.onWatched((passage) => {
      if (this.#watchers.size > 0) this.#tell(passage.names.topic, () => this.#passed(passage));
    });
    bus.on('message.lost', (event) => {
      if (this.#watchers.size > 0) this.#tell(event.topic, () => this.#lost(event));
    });
  }

  /** Until what it returns is called. */
  add(watcher: MessageWatcher): () => void {
    this.#watchers.add(watcher);
    this.#instruct();
    return () => {
      if (this.#watchers.delete(watcher)) this.#instruct();
    };
  }

  /** A thread has skipped so many since the start. Of which topics nobody knows, so that all are told. */
  skipped(thread: number, count: number): void {
    const more = count - (this.#skipped[thread] ?? 0);
    this.#skipped[thread] = count;
    if (more > 0) for (const watcher of this.#watchers) watcher.skipped(more);
  }

  #instruct(): void {
    const topics = [...this.#watchers].map(({ topic }) => topic);
    const named = topics.filter((topic) => topic !== undefined);
    const wanted = named.length < topics.length ? 'all' : named.length === 0 ? undefined : named;
    for (const thread of this.#threads) thread.watch(wanted);
  }

  #tell(of: string, make: () => Message): void {
    let message: Message | undefined;
    for (const watcher of this.#watchers) {
      if (watcher.topic !== undefined && watcher.topic !== of) continue;
      message ??= make();
      watcher.ended(message);
    }
  }

  #passed(passage: Passage): Message {
    const { names, bits, ids, idsAt, startedAt, endedAt, latency } = passage;
    const { via, topic, pipeline, exchange, routingKey, queue, connection, channel } = names;
    return {
      endedAt: endedAt / 1000,
      side: via === 'publish' ? 'publish' : 'consume',
      topic,
      pipeline,
      exchange,
      routingKey,
      queue,
      outcome: traceOutcome(passage.outcome, bits, via),
      reason: passage.reason,
      duration: Math.max(0, endedAt - startedAt) / 1e6,
      latency: Number.isNaN(latency) ? null : latency,
      bodySize: passage.bodySize,
      redelivered: (bits & REDELIVERED) !== 0,
      app: this.#connections.get(connection)?.app ?? '',
      connection,
      channel,
      traceId: (bits & TRACED) === 0 ? '' : hexOf(ids, idsAt, 4),
      sampled: (bits & SAMPLED) !== 0,
    };
  }

  /** Lost after all: its publish was told of as a success. */
  #lost({
    at,
    side,
    topic,
    pipeline,
    exchange,
    routingKey,
    queue,
    reason,
    connection,
    channel,
    traceId,
  }: MessageLost): Message {
    return {
      endedAt: at / 1000,
      side,
      topic,
      pipeline,
      exchange,
      routingKey,
      queue,
      outcome: 'lost',
      reason,
      duration: null,
      latency: null,
      bodySize: null,
      redelivered: false,
      app: this.#connections.get(connection)?.app ?? '',
      connection,
      channel,
      traceId,
      sampled: false,
    };
  }
}
