import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { createOtlpHttpExporter } from './otlp-http.ts';
import { writeSpan } from './otlp-span.ts';
import { isPlain, PlainSpans } from './plain-spans.ts';
import { bytesField, ProtobufWriter } from './protobuf.ts';
import type { Batch, Destination } from './queue.ts';
import { errorOf } from './sdk-exporter.ts';
import { PassageSpan, type SpanOrigin, type SpanSource } from './spans.ts';

// Fields of OTLP's messages (opentelemetry/proto/trace/v1/trace.proto).
const REQUEST = { resourceSpans: bytesField(1) };
const RESOURCE_SPANS = { resource: bytesField(1), scopeSpans: bytesField(2), schemaUrl: bytesField(3) };
const RESOURCE = { attributes: bytesField(1) };
const SCOPE_SPANS = { scope: bytesField(1), spans: bytesField(2) };
const SCOPE = { name: bytesField(1), version: bytesField(2) };

/**
 * The SDK's exporter of http/protobuf, options from OTEL_* variables included, but for who writes the bytes.
 * Spans wait as the bytes that will be sent: as objects they would outlive the nursery.
 */
export class ProtobufDestination implements Destination {
  readonly #origin: SpanOrigin;
  readonly #exporter = createOtlpHttpExporter<SpanRequest, unknown>({
    contentType: 'application/x-protobuf',
    serialize: (request) => request.bytes(),
    // most answers say nothing
    deserialize: (bytes) => (bytes.length === 0 ? {} : ProtobufTraceSerializer.deserializeResponse(bytes)),
    countItems: (request) => request.count,
  });
  readonly #plain: PlainSpans;
  /** buffers of requests that have ended */
  readonly #free: ProtobufWriter[] = [];

  constructor(origin: SpanOrigin) {
    this.#origin = origin;
    this.#plain = new PlainSpans(origin);
  }

  begin(): Batch {
    const writer = this.#free.pop() ?? new ProtobufWriter();
    const request = new SpanRequest(this.#origin, writer, this.#plain);
    return {
      get count() {
        return request.count;
      },
      add: (source) => request.add(source),
      send: (done) => {
        this.#exporter.export(request, (result) => {
          this.#free.push(writer);
          done(errorOf(result));
        });
      },
    };
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

/**
 * Spans as OTLP's ExportTraceServiceRequest: the very message that the SDK's serializer makes of them. That one
 * makes objects and goes over them twice, 12 us a span; here they are written straight from the event, 2.5 us, and those
 * of plain passages in a tenth of that.
 */
export class SpanRequest {
  count = 0;
  readonly #to: ProtobufWriter;
  readonly #origin: SpanOrigin;
  readonly #plain: PlainSpans;
  readonly #resourceSpans: number;
  readonly #scopeSpans: number;
  readonly #schemaUrl: string;

  /** `to` is the request's until its bytes have been sent. */
  constructor(origin: SpanOrigin, to: ProtobufWriter, plain: PlainSpans) {
    const { resource, scope } = origin;
    this.#to = to;
    this.#origin = origin;
    this.#plain = plain;
    this.#schemaUrl = resource.schemaUrl ?? '';
    to.clear();
    this.#resourceSpans = to.open(REQUEST.resourceSpans);
    const start = to.open(RESOURCE_SPANS.resource);
    for (const [name, value] of Object.entries(resource.attributes)) to.attribute(RESOURCE.attributes, name, value);
    to.close(start);
    this.#scopeSpans = to.open(RESOURCE_SPANS.scopeSpans);
    const scopeStart = to.open(SCOPE_SPANS.scope);
    to.string(SCOPE.name, scope.name);
    to.string(SCOPE.version, scope.version ?? '');
    to.close(scopeStart);
  }

  add(source: SpanSource): void {
    const start = this.#to.open(SCOPE_SPANS.spans);
    const written = this.#origin.limits === undefined && isPlain(source) && this.#plain.write(source, this.#to);
    if (!written) writeSpan(new PassageSpan(source, this.#origin), this.#to);
    this.#to.close(start);
    this.count++;
  }

  /** All of it, once no more are to come. */
  bytes(): Uint8Array {
    this.#to.close(this.#scopeSpans);
    this.#to.string(RESOURCE_SPANS.schemaUrl, this.#schemaUrl);
    this.#to.close(this.#resourceSpans);
    return this.#to.written();
  }
}
