import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TraceSpan } from '../../src/api.ts';
import { drawLayered, type Sketch } from '../../src/page/parts/layered.ts';
import { inTreeOrder } from '../../src/page/parts/span-tree.ts';

const SPACING = { boxHeight: 34, gap: 100, rowGap: 20 };

const sketches: fc.Arbitrary<Sketch> = fc.integer({ min: 1, max: 14 }).chain((size) => {
  const node = fc.integer({ min: 0, max: size - 1 }).map(String);
  return fc.record({
    nodes: fc.constant(Array.from({ length: size }, (_, i) => ({ id: String(i), width: 60 + i }))),
    edges: fc.array(fc.record({ source: node, target: node }), { maxLength: 24 }),
  });
});

test('no box of a map lies on another, and all lie within it', () => {
  fc.assert(
    fc.property(sketches, (sketch) => {
      const { boxes, width, height } = drawLayered(sketch, SPACING);
      const all = sketch.nodes.map(({ id, width }) => ({ ...(boxes.get(id) as { x: number; y: number }), width }));
      for (const [i, a] of all.entries()) {
        expect(a.x).toBeGreaterThanOrEqual(0);
        expect(a.y).toBeGreaterThanOrEqual(-0.001);
        expect(a.x + a.width).toBeLessThanOrEqual(width);
        expect(a.y + SPACING.boxHeight).toBeLessThanOrEqual(height + 0.001);
        for (const b of all.slice(i + 1)) {
          const besides = a.x + a.width <= b.x || b.x + b.width <= a.x;
          expect(besides || Math.abs(a.y - b.y) >= SPACING.boxHeight).toBe(true);
        }
      }
    }),
  );
});

test('each line leads from the side of its first box to that of its second', () => {
  fc.assert(
    fc.property(sketches, (sketch) => {
      const { boxes, lines } = drawLayered(sketch, SPACING);
      const touches = (id: string, point: { x: number; y: number }) => {
        const { x, y } = boxes.get(id) as { x: number; y: number };
        const { width } = sketch.nodes.find((node) => node.id === id) as { width: number };
        return (point.x === x || point.x === x + width) && point.y >= y && point.y <= y + SPACING.boxHeight;
      };
      for (const [i, { source, target }] of sketch.edges.entries()) {
        if (source === target) continue;
        expect(touches(source, lines[i][0])).toBe(true);
        expect(touches(target, lines[i].at(-1) as { x: number; y: number })).toBe(true);
      }
    }),
  );
});

test('a map without circles runs from left to right, each box behind those that lead to it', () => {
  const edges = ['ab', 'bc', 'ac', 'cd', 'eb'].map(([source, target]) => ({ source, target }));
  const { boxes } = drawLayered({ nodes: [...'abcde'].map((id) => ({ id, width: 50 })), edges }, SPACING);
  for (const { source, target } of edges) {
    expect((boxes.get(source) as { x: number }).x).toBeLessThan((boxes.get(target) as { x: number }).x);
  }
});

test('spans stand behind their parents in the order they began, whatever is missing or goes in a circle', () => {
  const span = (spanId: string, parentSpanId: string, startMicros: number) =>
    ({ spanId, parentSpanId, startMicros }) as TraceSpan;
  const spans = [
    span('d', 'c', 4),
    span('c', 'a', 3),
    span('b', 'a', 2),
    span('a', 'gone', 1),
    span('x', 'y', 5),
    span('y', 'x', 6),
  ];
  expect(inTreeOrder(spans).map(({ span, depth }) => `${span.spanId}${depth}`)).toEqual([
    'a0',
    'b1',
    'c1',
    'd2',
    'x0',
    'y1',
  ]);
});
