import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { ExportReport } from './diagnostics.ts';

/** The SDK's batch limits, OTEL_BSP_*: spans and milliseconds. */
export interface BatchLimits {
  maxQueueSize: number;
  maxExportBatchSize: number;
  scheduledDelayMillis: number;
  exportTimeoutMillis: number;
}

/** How long whoever feeds spans should wait for a full queue before they might as well be dropped. */
const PATIENCE_MS = 1000;

type ExportDone = Parameters<SpanExporter['export']>[1];

/**
 * The SDK's batch processor, which drops in silence when its queue is full and forgets what failed,
 * between two counters of our own: one in front that drops before the SDK would, one behind that
 * hears how each batch ended. So `exported + dropped + queued` is every span that ever came.
 */
export class CountedBatch implements SpanProcessor {
  exported = 0;
  dropped = 0;
  /** Spans in the SDK's queue or on their way. */
  queued = 0;

  #waiting = 0;
  #failing = false;
  #fullSince = 0;
  #closed = false;
  #abandoned = false;
  #limits: BatchLimits;
  #exporter: SpanExporter;
  #batch: BatchSpanProcessor;
  #report: ExportReport;

  constructor(exporter: SpanExporter, limits: BatchLimits, report: ExportReport) {
    this.#limits = limits;
    this.#exporter = exporter;
    this.#report = report;
    const counted: SpanExporter = {
      export: (spans, done) => this.#export(spans, done),
      shutdown: () => exporter.shutdown(),
    };
    this.#batch = new BatchSpanProcessor({ exporter: counted, ...limits });
  }

  onStart(): void {}

  /** No span would be taken now. */
  get full(): boolean {
    return this.#closed || this.#waiting >= this.#limits.maxQueueSize;
  }

  onEnd(span: ReadableSpan): void {
    if (this.full) {
      this.dropped++;
      return;
    }
    this.queued++;
    this.#waiting++;
    if (this.#waiting === this.#limits.maxQueueSize) this.#fullSince = performance.now();
    this.#batch.onEnd(span);
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

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush();
  }

  shutdown(): Promise<void> {
    this.#closed = true;
    return this.#batch.shutdown();
  }

  /** Counts whatever has not ended yet as dropped; results that come later change nothing. */
  abandon(): void {
    this.#closed = true;
    this.#abandoned = true;
    this.dropped += this.queued;
    this.queued = 0;
  }

  #export(spans: ReadableSpan[], done: ExportDone): void {
    this.#waiting -= spans.length;
    let ended = false;
    const end = (error: Error | undefined) => {
      if (ended) return;
      ended = true;
      this.#count(spans.length, error);
      // The SDK hears of success only: it would log each failure without limit, and does nothing else.
      done({ code: 0 });
    };
    try {
      this.#exporter.export(spans, ({ code, error }) => {
        end(code === 0 ? undefined : (error ?? new Error('the exporter gave no reason')));
      });
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
