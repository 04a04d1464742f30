import type { ExportReport } from './diagnostics.ts';
import type { SpanSource } from './spans.ts';

/** The SDK's limits of a batch processor, OTEL_BSP_*: spans and milliseconds. */
export interface QueueLimits {
  maxQueueSize: number;
  maxExportBatchSize: number;
  scheduledDelayMillis: number;
  exportTimeoutMillis: number;
}

/** Where spans, or log records, go to, a batch at a time. */
export interface Destination<Source = SpanSource> {
  begin(): Batch<Source>;
  /** Resolves when all that was sent has ended. */
  shutdown(): Promise<void>;
}

/** Spans that are sent together. */
export interface Batch<Source = SpanSource> {
  readonly count: number;
  /** Of the source nothing is kept. */
  add(source: Source): void;
  /** `done` is called once, with an error unless all arrived. May throw instead. */
  send(done: (error: Error | undefined) => void): void;
}

/** How long whoever feeds spans should wait for a full queue before they might as well be dropped. */
const PATIENCE_MS = 1000;

/**
 * Spans on their way to one destination, as the SDK's batch processor has them wait, one batch being sent
 * at a time. That one drops in silence and forgets what failed: here `exported + dropped + queued` is
 * every span that ever came. And it keeps objects, where a batch here may be bytes.
 */
export class ExportQueue<Source = SpanSource> {
  exported = 0;
  dropped = 0;
  /** Spans that wait or are on their way. */
  queued = 0;

  readonly #destination: Destination<Source>;
  readonly #limits: QueueLimits;
  readonly #report: ExportReport;
  /** those that wait, oldest first; all but the last are full */
  readonly #batches: Batch<Source>[] = [];
  /** spans in them */
  #waiting = 0;
  #sending = false;
  #timer: NodeJS.Timeout | undefined;
  #failing = false;
  #fullSince = 0;
  #closed = false;
  #abandoned = false;

  constructor(destination: Destination<Source>, limits: QueueLimits, report: ExportReport) {
    this.#destination = destination;
    this.#limits = limits;
    this.#report = report;
  }

  add(source: Source): void {
    const { maxQueueSize, maxExportBatchSize } = this.#limits;
    if (this.#closed || this.#waiting >= maxQueueSize) {
      this.dropped++;
      return;
    }
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.count >= maxExportBatchSize) {
      batch = this.#destination.begin();
      this.#batches.push(batch);
    }
    batch.add(source);
    this.queued++;
    this.#waiting++;
    if (this.#waiting === maxQueueSize) this.#fullSince = performance.now();
    this.#schedule();
  }

  /**
   * Spans that would be taken now. Infinity when none would but waiting is no use, because the
   * exporter fails or doesn't answer: then they had better come and be counted as dropped.
   */
  free(): number {
    const room = this.#limits.maxQueueSize - this.#waiting;
    if (room > 0) return room;
    const hopeless = this.#closed || this.#failing || performance.now() - this.#fullSince > PATIENCE_MS;
    return hopeless ? Number.POSITIVE_INFINITY : 0;
  }

  /** Takes no more and sends all there is. */
  async shutdown(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const batch of this.#batches.splice(0)) this.#send(batch, () => {});
    await this.#destination.shutdown();
  }

  /** Counts whatever has not ended yet as dropped; results that come later change nothing. */
  abandon(): void {
    this.#closed = true;
    this.#abandoned = true;
    this.dropped += this.queued;
    this.queued = 0;
  }

  /** A full batch is sent as soon as none is on its way, any other when it has waited for a time. */
  #schedule(): void {
    const [batch] = this.#batches;
    if (this.#sending || batch === undefined) return;
    if (batch.count >= this.#limits.maxExportBatchSize) this.#sendNext();
    else this.#timer ??= setTimeout(() => this.#sendNext(), this.#limits.scheduledDelayMillis).unref();
  }

  #sendNext(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#sending = true;
    this.#send(batch, () => {
      this.#sending = false;
      this.#schedule();
    });
  }

  /**
   * A batch whose answer has not ended in time counts as dropped, whatever comes later: exporters give up where nothing
   * comes at all, not where an endpoint sends a byte now and then.
   */
  #send(batch: Batch<Source>, ended: () => void): void {
    const { count } = batch;
    const { exportTimeoutMillis } = this.#limits;
    this.#waiting -= count;
    let over = false;
    const end = (error: Error | undefined): void => {
      clearTimeout(patience);
      if (over) return;
      over = true;
      this.#count(count, error);
      ended();
    };
    const late = (): void => end(new Error(`no whole answer within ${exportTimeoutMillis} ms`));
    const patience = setTimeout(late, exportTimeoutMillis).unref();
    try {
      batch.send(end);
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #count(spans: number, error: Error | undefined): void {
    this.#failing = error !== undefined;
    if (this.#abandoned) return;
    this.queued -= spans;
    if (error === undefined) this.exported += spans;
    else {
      this.dropped += spans;
      this.#report(error, spans);
    }
  }
}
