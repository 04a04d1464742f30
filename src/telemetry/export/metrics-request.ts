import type { AnyValue, Attributes, HrTime } from '@opentelemetry/api';
import { type DataPoint, DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ExemplarReading } from '../readings.ts';
import { field, type Message, packed, writeMessage } from './message-fields.ts';
import { ProtobufWriter } from './protobuf.ts';

/** What a point has beside what the SDK knows. */
export interface MorePoint {
  zeroThreshold?: number;
  exemplars?: readonly ExemplarReading[];
}

// Messages of OTLP (opentelemetry/proto/metrics/v1/metrics.proto and what it imports).
const ANY_VALUE: Message = {
  stringValue: field(1, 'string'),
  boolValue: field(2, 'bool'),
  intValue: field(3, 'varint'),
  doubleValue: field(4, 'double'),
  get arrayValue() {
    return field(5, { values: field(1, ANY_VALUE) });
  },
};
const KEY_VALUE: Message = { key: field(1, 'string'), value: field(2, ANY_VALUE) };
const EXEMPLAR: Message = {
  timeUnixNano: field(2, 'fixed64'),
  asDouble: field(3, 'double'),
  spanId: field(4, 'hex'),
  traceId: field(5, 'hex'),
};
const TIMES: Message = { startTimeUnixNano: field(2, 'fixed64'), timeUnixNano: field(3, 'fixed64') };
const NUMBER_POINT: Message = { attributes: field(7, KEY_VALUE), ...TIMES, asDouble: field(4, 'double') };
const HISTOGRAM_POINT: Message = {
  attributes: field(9, KEY_VALUE),
  ...TIMES,
  count: field(4, 'fixed64'),
  sum: field(5, 'double'),
  bucketCounts: packed(6, 'fixed64'),
  explicitBounds: packed(7, 'double'),
  exemplars: field(8, EXEMPLAR),
};
const BUCKETS: Message = { offset: field(1, 'signed'), bucketCounts: packed(2, 'varint') };
const EXPONENTIAL_POINT: Message = {
  attributes: field(1, KEY_VALUE),
  ...TIMES,
  count: field(4, 'fixed64'),
  sum: field(5, 'double'),
  scale: field(6, 'signed'),
  zeroCount: field(7, 'fixed64'),
  positive: field(8, BUCKETS),
  negative: field(9, BUCKETS),
  exemplars: field(11, EXEMPLAR),
  zeroThreshold: field(14, 'double'),
};
const TEMPORALITY = field(2, 'varint');
const METRIC: Message = {
  name: field(1, 'string'),
  description: field(2, 'string'),
  unit: field(3, 'string'),
  gauge: field(5, { dataPoints: field(1, NUMBER_POINT) }),
  sum: field(7, {
    dataPoints: field(1, NUMBER_POINT),
    aggregationTemporality: TEMPORALITY,
    isMonotonic: field(3, 'bool'),
  }),
  histogram: field(9, { dataPoints: field(1, HISTOGRAM_POINT), aggregationTemporality: TEMPORALITY }),
  exponentialHistogram: field(10, { dataPoints: field(1, EXPONENTIAL_POINT), aggregationTemporality: TEMPORALITY }),
};
const SCOPE_METRICS: Message = {
  scope: field(1, { name: field(1, 'string'), version: field(2, 'string') }),
  metrics: field(2, METRIC),
};
const RESOURCE_METRICS: Message = {
  resource: field(1, { attributes: field(1, KEY_VALUE) }),
  scopeMetrics: field(2, SCOPE_METRICS),
  schemaUrl: field(3, 'string'),
};
const REQUEST: Message = { resourceMetrics: field(1, RESOURCE_METRICS) };

/**
 * OTLP's ExportMetricsServiceRequest as its JSON has it. The SDK's serializers make the same of the same points, but know
 * neither exemplars nor the width of the zero bucket.
 */
export function metricsRequest({ resource, scopeMetrics }: ResourceMetrics): object {
  return {
    resourceMetrics: [
      {
        resource: { attributes: keyValues(resource.attributes as Attributes) },
        scopeMetrics: scopeMetrics.map(({ scope, metrics }) => ({ scope, metrics: metrics.map(metricOf) })),
        ...(resource.schemaUrl && { schemaUrl: resource.schemaUrl }),
      },
    ],
  };
}

export const metricsJson = (request: object): Uint8Array => Buffer.from(JSON.stringify(request));

export function metricsProtobuf(request: object): Uint8Array {
  const writer = new ProtobufWriter();
  writeMessage(REQUEST, request, writer);
  return writer.written();
}

function metricOf(data: MetricData): object {
  const { name, description, unit } = data.descriptor;
  const head = { name, description, unit };
  const aggregationTemporality = data.aggregationTemporality + 1;
  switch (data.dataPointType) {
    case DataPointType.GAUGE:
      return { ...head, gauge: { dataPoints: data.dataPoints.map(numberPoint) } };
    case DataPointType.SUM: {
      const { isMonotonic } = data;
      return { ...head, sum: { dataPoints: data.dataPoints.map(numberPoint), aggregationTemporality, isMonotonic } };
    }
    case DataPointType.HISTOGRAM: {
      const dataPoints = data.dataPoints.map((point) => {
        const { count, sum, buckets } = point.value;
        const { boundaries, counts } = buckets;
        return { ...common(point), count, sum, bucketCounts: counts, explicitBounds: boundaries, ...more(point) };
      });
      return { ...head, histogram: { dataPoints, aggregationTemporality } };
    }
    default: {
      const dataPoints = data.dataPoints.map((point) => ({ ...common(point), ...point.value, ...more(point) }));
      return { ...head, exponentialHistogram: { dataPoints, aggregationTemporality } };
    }
  }
}

const numberPoint = (point: DataPoint<number>): object => ({ ...common(point), asDouble: point.value });

const common = ({ attributes, startTime, endTime }: DataPoint<unknown>): object => ({
  attributes: keyValues(attributes),
  startTimeUnixNano: nanoseconds(startTime),
  timeUnixNano: nanoseconds(endTime),
});

function more(point: object): object {
  const { zeroThreshold, exemplars }: MorePoint = point;
  return {
    ...(zeroThreshold !== undefined && { zeroThreshold }),
    ...(exemplars !== undefined && {
      exemplars: exemplars.map(({ traceId, spanId, value, timestamp }) => ({
        timeUnixNano: String(BigInt(Math.round(timestamp * 1e6)) * 1000n),
        asDouble: value,
        spanId,
        traceId,
      })),
    }),
  };
}

const nanoseconds = ([seconds, rest]: HrTime): string => String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));

const keyValues = (attributes: Attributes): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value: AnyValue): object {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 ? { intValue: value } : { doubleValue: value };
  return typeof value === 'boolean' ? { boolValue: value } : { stringValue: String(value ?? '') };
}
