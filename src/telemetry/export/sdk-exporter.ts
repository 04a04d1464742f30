import type { ExportResult } from '@opentelemetry/core';
import type { SpanExporter } from '@opentelemetry/sdk-trace';
import type { Batch, Destination } from './queue.ts';
import { PassageSpan, type SpanOrigin, type SpanSource } from './spans.ts';

/** An exporter of the SDK: spans wait as objects. */
export class SdkDestination implements Destination {
  readonly #exporter: SpanExporter;

  readonly #origin: SpanOrigin;

  constructor(exporter: SpanExporter, origin: SpanOrigin) {
    this.#exporter = exporter;
    this.#origin = origin;
  }

  begin(): Batch {
    return new SpanList(this.#exporter, this.#origin);
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

class SpanList implements Batch {
  readonly #exporter: SpanExporter;
  readonly #spans: PassageSpan[] = [];

  readonly #origin: SpanOrigin;

  constructor(exporter: SpanExporter, origin: SpanOrigin) {
    this.#exporter = exporter;
    this.#origin = origin;
  }

  get count(): number {
    return this.#spans.length;
  }

  add(source: SpanSource): void {
    this.#spans.push(new PassageSpan(source, this.#origin));
  }

  send(done: (error: Error | undefined) => void): void {
    this.#exporter.export(this.#spans, (result) => done(errorOf(result)));
  }
}

/** Of what an exporter of the SDK says at the end. */
export function errorOf({ code, error }: ExportResult): Error | undefined {
  return code === 0 ? undefined : (error ?? new Error('the exporter gave no reason'));
}
