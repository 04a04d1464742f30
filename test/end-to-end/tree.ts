import type { ReceivedSpan } from '../../testing/otlp.ts';

/** A trace as an indented list of what its spans are called, children below their parents in the order of their starts. */
export function treeOf(
  spans: readonly ReceivedSpan[],
  called: (span: ReceivedSpan) => string = ({ name }) => name,
): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const roots = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  const lines = (of: readonly ReceivedSpan[], depth: number): string[] =>
    of
      .toSorted((a, b) => Number(a.start - b.start))
      .flatMap((span) => [
        `${'  '.repeat(depth)}${called(span)}`,
        ...lines(
          spans.filter(({ parentSpanId }) => parentSpanId === span.spanId),
          depth + 1,
        ),
      ]);
  return lines(roots, 0).join('\n');
}

/** The spans of one trace. */
export const traceOf = (spans: readonly ReceivedSpan[], traceId: string): ReceivedSpan[] =>
  spans.filter((span) => span.traceId === traceId);
