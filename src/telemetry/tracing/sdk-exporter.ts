import type { ExportResult } from '@opentelemetry/core';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Batch, Destination } from './queue.ts';
import type { PassageSpan } from './spans.ts';

/** An exporter of the SDK: spans wait as objects. */
export class SdkDestination implements Destination {
  readonly #exporter: SpanExporter;

  constructor(exporter: SpanExporter) {
    this.#exporter = exporter;
  }

  begin(): Batch {
    return new SpanList(this.#exporter);
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

class SpanList implements Batch {
  readonly #exporter: SpanExporter;
  readonly #spans: PassageSpan[] = [];

  constructor(exporter: SpanExporter) {
    this.#exporter = exporter;
  }

  get count(): number {
    return this.#spans.length;
  }

  add(span: PassageSpan): void {
    this.#spans.push(span);
  }

  send(done: (error: Error | undefined) => void): void {
    this.#exporter.export(this.#spans, (result) => done(errorOf(result)));
  }
}

/** Of what an exporter of the SDK says at the end. */
export function errorOf({ code, error }: ExportResult): Error | undefined {
  return code === 0 ? undefined : (error ?? new Error('the exporter gave no reason'));
}
