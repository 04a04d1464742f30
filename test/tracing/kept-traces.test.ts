import { describe, expect, test } from 'vitest';
import type { DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { identify } from '../../src/telemetry/export/identity.ts';
import { KeptTraces } from '../../src/telemetry/export/kept-traces.ts';
import { traceView } from '../../src/telemetry/export/trace-view.ts';
import { CONTEXT_WORDS } from '../../src/telemetry/traces/ids.ts';
import { passageOf } from '../../testing/passages.ts';
import { delivery, publish } from './fixtures.ts';

const MIB = 2 ** 20;
const SIDECAR = { id: 'id', service: 'shop' };

const traceId = (n: number): string => n.toString(16).padStart(32, '0');
const spanId = (n: number): string => n.toString(16).padStart(16, '0');

function keeper(maxBytes = MIB) {
  let now = 0;
  const kept = new KeptTraces(maxBytes, () => now);
  return {
    kept,
    /** Time passes. */
    pass: (ms: number) => {
      now += ms;
    },
    /** The span of a passage; false: it was not taken. */
    add(event: PublishEnded | DeliveryEnded): boolean {
      const passage = passageOf(event);
      if (!kept.takes(passage)) return false;
      const ids = new Uint32Array(CONTEXT_WORDS);
      identify(passage, 'parent', ids);
      kept.add({ passage, connection: undefined, consumer: 'parent', ids });
      return true;
    },
  };
}

const sampled = (n: number, changes: Partial<PublishEnded> = {}): PublishEnded =>
  publish({ traceId: traceId(n), spanId: spanId(n + 1), parentSpanId: '', sampled: true, ...changes });

describe('what is kept', () => {
  test('sampled messages, and failed ones though they are not sampled', () => {
    const { kept, add } = keeper();
    expect(add(sampled(1))).toBe(true);
    expect(add(sampled(2, { sampled: false }))).toBe(false);
    expect(add(sampled(3, { sampled: false, outcome: 'failed', reason: 'nacked' }))).toBe(true);
    expect(
      add(delivery({ traceId: traceId(4), sampled: false, outcome: 'failed', reason: 'rejected', lost: true })),
    ).toBe(true);
    expect(
      kept
        .find({})
        .traces.map((trace) => [trace.traceId, trace.outcome])
        .sort(),
    ).toEqual([
      [traceId(1), 'success'],
      [traceId(3), 'lost'],
      [traceId(4), 'lost'],
    ]);
  });

  test('spans of a trace together, whoever told them and in whatever order', () => {
    const { kept, add } = keeper();
    const at = sampled(1).startedAt;
    add(
      delivery({
        traceId: traceId(1),
        spanId: spanId(9),
        parentSpanId: spanId(2),
        sampled: true,
        topic: 'mails',
        startedAt: at + 3000,
        endedAt: at + 5000,
      }),
    );
    add(sampled(2));
    add(sampled(1, { startedAt: at, endedAt: at + 1000 }));
    const [trace] = kept.find({ topic: 'mails' }).traces;
    expect(trace).toMatchObject({ traceId: traceId(1), spans: 2, startMicros: at, duration: 0.005 });
    const spans = traceView(kept.get(traceId(1)), SIDECAR);
    expect(spans.map((span) => [span.spanId, span.parentSpanId])).toEqual([
      [spanId(2), ''],
      [spanId(9), spanId(2)],
    ]);
  });

  test('nothing of what comes back differs from what was told', () => {
    const { kept, add } = keeper();
    const told = sampled(1, {
      outcome: 'failed',
      reason: 'unroutable',
      replyCode: 312,
      replyText: 'NO_ROUTE',
      messageId: 'm-1',
      correlationId: 'c-1',
      bodySize: 2 ** 33,
      sequence: 7,
    });
    add(told);
    const [source] = kept.get(traceId(1));
    const { passage } = source;
    expect(passage.more).toMatchObject({ replyText: 'NO_ROUTE', messageId: 'm-1', correlationId: 'c-1' });
    expect([passage.bodySize, passage.number, passage.reason]).toEqual([2 ** 33, 7, 'unroutable']);
    expect(passage.names).toMatchObject({ topic: told.topic, exchange: told.exchange, routingKey: told.routingKey });
  });
});

describe('how they are found', () => {
  test('by topic, outcome and least duration, the newest or the slowest first', () => {
    const { kept, add, pass } = keeper();
    const at = sampled(0).startedAt;
    for (let n = 1; n <= 4; n++) {
      pass(1000);
      const lost = n === 3 ? ({ outcome: 'failed', reason: 'nacked' } as const) : {};
      add(
        sampled(n, {
          topic: n % 2 === 0 ? 'even' : 'odd',
          startedAt: at + n * 1e6,
          endedAt: at + n * 1e6 + (5 - n) * 1e6,
          ...lost,
        }),
      );
    }
    const ids = (query: Parameters<typeof kept.find>[0]) =>
      kept.find(query).traces.map((trace) => Number.parseInt(trace.traceId, 16));
    expect(ids({})).toEqual([4, 3, 2, 1]);
    expect(ids({ sort: 'slowest' })).toEqual([1, 2, 3, 4]);
    expect(ids({ topic: 'odd' })).toEqual([3, 1]);
    expect(ids({ outcome: 'lost' })).toEqual([3]);
    expect(ids({ outcome: 'failed' })).toEqual([3]);
    expect(ids({ outcome: 'success', least: 3 })).toEqual([2, 1]);
    expect(kept.find({ limit: 1 })).toMatchObject({ matching: 4, traces: [{ traceId: traceId(4) }] });
    expect(kept.get(traceId(77))).toEqual([]);
  });
});

test('a publish that comes back after it had counted as success is lost in its trace too', () => {
  const { kept, add } = keeper();
  add(sampled(1, { topic: 'orders' }));
  add(sampled(2, { topic: 'orders' }));
  kept.lost({ traceId: traceId(1), side: 'publish', topic: 'orders', reason: 'unroutable' });
  kept.lost({ traceId: traceId(2), side: 'publish', topic: 'another', reason: 'unroutable' });
  kept.lost({ traceId: '', side: 'publish', topic: 'orders', reason: 'unroutable' });
  expect(kept.find({ outcome: 'lost' }).traces).toMatchObject([{ traceId: traceId(1), reason: 'unroutable' }]);
  const [span] = traceView(kept.get(traceId(1)), SIDECAR);
  expect(span).toMatchObject({ outcome: 'lost', status: { code: 'error' } });
  expect(kept.find({ outcome: 'success' }).matching).toBe(1);
});

describe('bounds', () => {
  test('memory is never more than stated: the oldest traces go, each as a whole', () => {
    const { kept, add, pass } = keeper(64 * 1024);
    for (let n = 1; n <= 3000; n++) {
      pass(50);
      add(sampled(n, { messageId: 'x'.repeat(n % 50) }));
      add(delivery({ traceId: traceId(n), spanId: spanId(n + 10_000), parentSpanId: spanId(n + 1), sampled: true }));
      expect(kept.figures.bytes).toBeLessThanOrEqual(64 * 1024);
    }
    const { traces, spans } = kept.figures;
    expect(traces).toBeGreaterThan(50);
    expect(spans).toBe(2 * traces);
    const found = kept.find({ limit: 5000 }).traces;
    expect(found.map((trace) => Number.parseInt(trace.traceId, 16)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: traces }, (_, i) => 3000 - traces + 1 + i),
    );
    for (const trace of found) {
      expect(trace.spans).toBe(2);
      expect(kept.get(trace.traceId)).toHaveLength(2);
    }
  });

  test('names that are long and many count too', () => {
    const { kept, add, pass } = keeper(64 * 1024);
    for (let n = 1; n <= 500; n++) {
      pass(50);
      add(sampled(n, { routingKey: `${n}`.padEnd(255, 'k'), channel: n }));
      expect(kept.figures.bytes).toBeLessThanOrEqual(64 * 1024);
    }
    expect(kept.figures.traces).toBeLessThan(80);
  });

  test('when too many come, whole traces are chosen, and failed ones still have room', () => {
    const { kept, add, pass } = keeper();
    const bits = (n: number): string => (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(32, '0');
    const taken = new Map<string, number>();
    for (let n = 1; n <= 8000; n++) {
      pass(0.5);
      // the delivery of a message comes a while after its publish
      for (const id of [bits(n), ...(n > 20 ? [bits(n - 20)] : [])]) {
        if (add(sampled(n, { traceId: id }))) taken.set(id, (taken.get(id) ?? 0) + 1);
      }
    }
    expect(kept.skipped).toBeGreaterThan(8000);
    const late = [...taken].filter(([id]) => Number.parseInt(id, 16) > 0).slice(-500);
    expect(late.filter(([, spans]) => spans === 2).length).toBeGreaterThan(400);
    expect(add(sampled(9999, { outcome: 'failed', reason: 'nacked' }))).toBe(true);
  });

  test('one trace of any number of spans stays one that can be looked at', () => {
    const { kept, add, pass } = keeper();
    for (let n = 1; n <= 1200; n++) {
      pass(50);
      add(sampled(1, { spanId: spanId(n) }));
    }
    expect(kept.figures).toMatchObject({ traces: 1, spans: 1000 });
    expect(kept.skipped).toBe(200);
  });

  test('none are kept where there is no memory for them', () => {
    const { kept, add } = keeper(0);
    expect(add(sampled(1))).toBe(false);
    expect(kept.find({})).toEqual({ traces: [], matching: 0 });
    expect(kept.get(traceId(1))).toEqual([]);
  });
});
