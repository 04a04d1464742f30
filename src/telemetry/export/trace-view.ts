import type { Attributes } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import type { AttributeValue, TraceSpan } from '../../api.ts';
import { SAMPLED } from '../../events/passage.ts';
import { traceOutcome } from './kept-traces.ts';
import { PassageSpan, type SpanSource } from './spans.ts';

/** Of the SDK's and OTLP's numbers. */
const KINDS: readonly TraceSpan['kind'][] = ['internal', 'server', 'client', 'producer', 'consumer'];
const CODES: readonly TraceSpan['status']['code'][] = ['unset', 'ok', 'error'];

/** Spans as they are, or would be, exported, but for limits. Loads what of OpenTelemetry knows that: only when somebody looks. */
export function traceView(sources: readonly SpanSource[], sidecar: { id: string; service: string }): TraceSpan[] {
  const origin = { resource: emptyResource(), scope: { name: 'tracehare' }, limits: undefined };
  const spans = sources.map((source): TraceSpan => {
    const span = new PassageSpan(source, origin);
    const { bits, outcome, names } = source.passage;
    return {
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      links: span.links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId })),
      name: span.name,
      kind: KINDS[span.kind],
      startMicros: span.startMicros,
      endMicros: span.endMicros,
      attributes: known(span.attributes),
      events: span.events.map(({ name, time: [seconds, nanoseconds], attributes = {} }) => ({
        name,
        atMicros: Math.round(seconds * 1e6 + nanoseconds / 1000),
        attributes: known(attributes),
      })),
      status: { code: CODES[span.status.code], message: span.status.message ?? '' },
      outcome: traceOutcome(outcome, bits, names.via),
      sampled: (bits & SAMPLED) !== 0,
      topic: names.topic,
      service: sidecar.service,
      sidecar: sidecar.id,
    };
  });
  return spans.sort((a, b) => a.startMicros - b.startMicros);
}

/** Ours have texts, numbers and flags alone. */
const known = (attributes: Attributes): Record<string, AttributeValue> => attributes as Record<string, AttributeValue>;
