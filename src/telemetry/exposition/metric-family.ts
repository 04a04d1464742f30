import { field, type Message, packed, writeMessage } from '../export/message-fields.ts';
import type { ProtobufWriter } from '../export/protobuf.ts';
import {
  type ExemplarReading,
  type ExponentialReading,
  type HistogramReading,
  isHistogram,
  type MetricReading,
  type PointReading,
} from '../readings.ts';

// Prometheus's messages (io/prometheus/client/metrics.proto).
const LABEL: Message = { name: field(1, 'string'), value: field(2, 'string') };
const EXEMPLAR: Message = {
  label: field(1, LABEL),
  value: field(2, 'double'),
  timestamp: field(3, { seconds: field(1, 'varint'), nanos: field(2, 'varint') }),
};
const BUCKET: Message = {
  cumulativeCount: field(1, 'varint'),
  upperBound: field(2, 'double'),
  exemplar: field(3, EXEMPLAR),
};
const SPAN: Message = { offset: field(1, 'signed'), length: field(2, 'varint') };
const HISTOGRAM: Message = {
  sampleCount: field(1, 'varint'),
  sampleSum: field(2, 'double'),
  bucket: field(3, BUCKET),
  schema: field(5, 'signed'),
  zeroThreshold: field(6, 'double'),
  zeroCount: field(7, 'varint'),
  positiveSpan: field(12, SPAN),
  positiveDelta: packed(13, 'signed'),
};
const VALUE: Message = { value: field(1, 'double') };
const METRIC: Message = {
  label: field(1, LABEL),
  gauge: field(2, VALUE),
  counter: field(3, VALUE),
  histogram: field(7, HISTOGRAM),
};
const FAMILY: Message = {
  name: field(1, 'string'),
  help: field(2, 'string'),
  type: field(3, 'varint'),
  metric: field(4, METRIC),
};

const TYPES = { counter: 0, gauge: 1, histogram: 4 };

/** Gaps of more empty buckets end a span: below, zeros are smaller than another span. */
const MOST_EMPTY = 2;

/** One family, its length in front; nothing for one without points. Valid until the writer is used again. */
export function writeFamily({ name, help, type, points }: MetricReading, to: ProtobufWriter): Uint8Array {
  to.clear();
  if (points.length === 0) return to.written();
  const metric = points.map((point) => metricOf(type, point));
  // written as a field, a message has its length in front; the tag, which is one octet, is none of the family's
  writeMessage({ family: { number: 1, kind: FAMILY } }, { family: { name, help, type: TYPES[type], metric } }, to);
  return to.written().subarray(1);
}

function metricOf(type: MetricReading['type'], { labels, value }: PointReading): object {
  const label = Object.entries(labels).map(([name, value]) => ({ name, value }));
  if (isHistogram(value)) return { label, histogram: histogramOf(value) };
  return type === 'gauge' ? { label, gauge: { value } } : { label, counter: { value } };
}

/** Both kinds of buckets: who can store the native ones takes those. */
function histogramOf({ count, sum, bounds, counts, exponential, exemplars }: HistogramReading): object {
  let cumulativeCount = 0;
  const bucket = counts.map((each, i) => {
    cumulativeCount += each;
    const exemplar = exemplars?.[i];
    return {
      cumulativeCount,
      upperBound: bounds[i] ?? Number.POSITIVE_INFINITY,
      ...(exemplar && { exemplar: exemplarOf(exemplar) }),
    };
  });
  return { sampleCount: count, sampleSum: sum, bucket, ...(exponential && nativeOf(exponential)) };
}

function exemplarOf({ traceId, spanId, value, timestamp }: ExemplarReading): object {
  const seconds = Math.floor(timestamp);
  return {
    label: [
      { name: 'trace_id', value: traceId },
      { name: 'span_id', value: spanId },
    ],
    value,
    timestamp: { seconds, nanos: Math.round((timestamp - seconds) * 1e9) },
  };
}

/** Prometheus numbers a bucket by where it ends, OpenTelemetry by where it begins. */
function nativeOf({ scale, zeroThreshold, zeroCount, offset, counts }: ExponentialReading): object {
  const positiveSpan: { offset: number; length: number }[] = [];
  const positiveDelta: number[] = [];
  let before = 0;
  let end = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    const index = offset + 1 + i;
    const span = positiveSpan.at(-1);
    const gap = index - end;
    if (span === undefined || gap > MOST_EMPTY) positiveSpan.push({ offset: gap, length: 1 });
    else {
      for (let empty = 0; empty < gap; empty++) {
        positiveDelta.push(-before);
        before = 0;
      }
      span.length += gap + 1;
    }
    positiveDelta.push(counts[i] - before);
    before = counts[i];
    end = index + 1;
  }
  // a span says that the histogram is a native one, though nothing was observed
  if (positiveSpan.length === 0) positiveSpan.push({ offset: 0, length: 0 });
  return { schema: scale, zeroThreshold, zeroCount, positiveSpan, positiveDelta };
}
