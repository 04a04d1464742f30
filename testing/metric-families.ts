import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import type { Labels } from './metrics.ts';

/** A histogram in both kinds of buckets. */
export interface FamilyHistogram {
  count: number;
  sum: number;
  buckets: { le: number; upTo: number; exemplar: { traceId: string; value: number; seconds: number } | undefined }[];
  /** by index: where a bucket ends is 2^(index / 2^schema) */
  native: { schema: number; zeroThreshold: number; zeroCount: number; counts: Map<number, number> } | undefined;
}

export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  metrics: { labels: Labels; value: number; histogram: FamilyHistogram | undefined }[];
}

const schema = protobuf.parse(readFileSync(new URL('./prometheus.proto', import.meta.url), 'utf8')).root;
const type = schema.lookupType('MetricFamily');
const TYPES = { 0: 'counter', 1: 'gauge', 4: 'histogram' } as const;

// biome-ignore lint/suspicious/noExplicitAny: decoded by a schema that has no types
type Decoded = any;

/** Families as they follow each other, each with its length in front. */
export function familiesIn(bytes: Uint8Array): Family[] {
  const reader = protobuf.Reader.create(bytes);
  const families: Family[] = [];
  while (reader.pos < reader.len) {
    const family: Decoded = type.toObject(type.decodeDelimited(reader), { longs: Number, defaults: false });
    families.push({
      name: family.name,
      help: family.help,
      type: TYPES[(family.type ?? 0) as keyof typeof TYPES],
      metrics: family.metric.map(({ label = [], counter, gauge, histogram }: Decoded) => ({
        labels: Object.fromEntries(label.map(({ name, value }: Decoded) => [name, value ?? ''])),
        value: (counter ?? gauge)?.value ?? 0,
        histogram: histogram && histogramOf(histogram),
      })),
    });
  }
  return families;
}

function histogramOf(histogram: Decoded): FamilyHistogram {
  const counts = new Map<number, number>();
  let index = 0;
  let count = 0;
  const deltas: number[] = [...(histogram.positiveDelta ?? [])];
  for (const { offset = 0, length = 0 } of histogram.positiveSpan ?? []) {
    index += offset;
    for (let i = 0; i < length; i++) {
      count += deltas.shift() ?? Number.NaN;
      counts.set(index++, count);
    }
  }
  if (deltas.length > 0) throw new Error(`${deltas.length} deltas are in no span`);
  return {
    count: histogram.sampleCount ?? 0,
    sum: histogram.sampleSum ?? 0,
    buckets: (histogram.bucket ?? []).map(({ cumulativeCount = 0, upperBound = 0, exemplar }: Decoded) => ({
      le: upperBound,
      upTo: cumulativeCount,
      exemplar: exemplar && {
        traceId: exemplar.label.find(({ name }: Decoded) => name === 'trace_id').value,
        value: exemplar.value,
        seconds: exemplar.timestamp.seconds + exemplar.timestamp.nanos / 1e9,
      },
    })),
    native: histogram.positiveSpan && {
      schema: histogram.schema ?? 0,
      zeroThreshold: histogram.zeroThreshold ?? 0,
      zeroCount: histogram.zeroCount ?? 0,
      counts,
    },
  };
}
