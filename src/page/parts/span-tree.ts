import type { TraceSpan } from '../../api.ts';

export interface PlacedSpan {
  span: TraceSpan;
  /** how many of its ancestors are here */
  depth: number;
}

/** Each span behind its parent, siblings by start. A parent that is not here, or a circle, makes a root. */
export function inTreeOrder(spans: readonly TraceSpan[]): PlacedSpan[] {
  const byStart = [...spans].sort((a, b) => a.startMicros - b.startMicros);
  const children = new Map<string, TraceSpan[]>();
  for (const span of byStart) children.set(span.parentSpanId, [...(children.get(span.parentSpanId) ?? []), span]);
  const here = new Set(spans.map(({ spanId }) => spanId));
  const placed: PlacedSpan[] = [];
  const done = new Set<TraceSpan>();
  const place = (root: TraceSpan): void => {
    // the last one is next; no recursion, for a chain of replies may be long
    const open: PlacedSpan[] = [{ span: root, depth: 0 }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (done.has(next.span)) continue;
      done.add(next.span);
      placed.push(next);
      const depth = next.depth + 1;
      for (const span of (children.get(next.span.spanId) ?? []).toReversed()) open.push({ span, depth });
    }
  };
  for (const span of byStart) if (!here.has(span.parentSpanId)) place(span);
  for (const span of byStart) if (!done.has(span)) place(span);
  return placed;
}
