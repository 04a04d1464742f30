import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SpanSink } from '../../src/telemetry/export/sink.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { passageOf } from '../../testing/passages.ts';
import { freePort } from '../../testing/ports.ts';
import { until } from '../../testing/wait.ts';
import { IMPATIENT, publish, startSink } from './fixtures.ts';

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.close());

/** Observes `count` sampled publishes in one go, each its own span. */
function burst(sink: SpanSink, count: number): void {
  for (let i = 1; i <= count; i++) {
    sink.passage(passageOf(publish({ spanId: i.toString(16).padStart(16, '0'), sequence: i })));
  }
}

/** An HTTP server that does this with every request. */
async function startServer(answer: (response: ServerResponse) => void) {
  const server = createServer((_, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Everything that ever came is in exactly one of the three figures. */
function expectAllAccounted(sink: SpanSink, count: number): void {
  const { exported, dropped, queued } = sink.figures();
  expect(exported + dropped + queued).toBe(count);
}

function sequences(): unknown[] {
  return receiver.spans.map(({ attributes }) => attributes['tracehare.sequence']);
}

describe('more than the queue holds', () => {
  test('at once: what is exported arrived, what is not is counted, to the last span', async () => {
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    burst(sink, 10_000);
    expectAllAccounted(sink, 10_000);
    await sink.shutdown();
    const { exported, dropped, queued } = sink.figures();
    expect({ exported, queued }).toEqual({ exported: receiver.spans.length, queued: 0 });
    expect(exported + dropped).toBe(10_000);
    expect(exported).toBeGreaterThanOrEqual(2048);
    expect(dropped).toBeGreaterThan(0);
    expect(new Set(sequences()).size).toBe(exported);
  });

  test('fed no faster than free() says: all arrive', async () => {
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    let left = 20_000;
    while (left > 0) {
      const count = Math.min(left, sink.free());
      burst(sink, count);
      left -= count;
      await turn();
    }
    await sink.shutdown();
    expect(sink.figures()).toEqual({ exported: 20_000, dropped: 0, queued: 0, limited: 0, keepLimited: 0 });
    expect(receiver.spans).toHaveLength(20_000);
  });

  test('the OTEL_BSP_* limits are the ones in force', async () => {
    const sink = await startSink(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_MAX_QUEUE_SIZE: '100',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100',
        OTEL_BSP_SCHEDULE_DELAY: '20',
      },
      IMPATIENT,
    );
    expect(sink.free()).toBe(100);
    burst(sink, 60);
    expect(sink.free()).toBe(40);
    await until(() => sink.figures().exported === 60, 'the schedule delay was over, and the answer is there');
    receiver.behave('hang');
    burst(sink, 350);
    // One batch on its way, one queue full.
    expect(sink.figures()).toMatchObject({ dropped: 150, queued: 200 });
    expect(sink.free()).toBe(0);
  });
});

describe('an endpoint that', () => {
  test('answers slowly gets everything there was room for', async () => {
    receiver.behave(100);
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    burst(sink, 2560);
    expect(sink.figures()).toMatchObject({ exported: 0, dropped: 0, queued: 2560 });
    await until(() => sink.figures().exported > 0, 'the first batch was through');
    expectAllAccounted(sink, 2560);
    await sink.shutdown();
    expect(sink.figures()).toEqual({ exported: 2560, dropped: 0, queued: 0, limited: 0, keepLimited: 0 });
  });

  test('never answers costs no more than the queue, and then the spans', async () => {
    receiver.behave('hang');
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, IMPATIENT);
    for (let i = 0; i < 10; i++) {
      burst(sink, 5000);
      await turn();
      expect(sink.figures().queued).toBeLessThanOrEqual(2048 + 512);
      expectAllAccounted(sink, (i + 1) * 5000);
    }
    await until(() => receiver.requests > 0, 'the first batch was sent');
    await until(() => sink.free() === Number.POSITIVE_INFINITY, 'waiting for room was given up');
    await sink.shutdown();
    expect(sink.figures()).toEqual({ exported: 0, dropped: 50_000, queued: 0, limited: 0, keepLimited: 0 });
  });

  test('answers after the sink has shut down changes no figure', async () => {
    receiver.behave(500);
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, IMPATIENT);
    burst(sink, 512);
    await sink.shutdown();
    const figures = { exported: 0, dropped: 512, queued: 0, limited: 0, keepLimited: 0 };
    expect(sink.figures()).toEqual(figures);
    await until(() => receiver.spans.length === 512, 'the late answer was sent');
    await turn();
    burst(sink, 1);
    expect(sink.figures()).toEqual({ ...figures, dropped: 513 });
  });

  test('is gone is logged once, without credentials, and its spans counted', async () => {
    const sink = await startSink({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:hunter2@127.0.0.1:${await freePort()}/?key=hunter2`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2',
      // shorter than what the exporter waits before it tries again
      OTEL_EXPORTER_OTLP_TIMEOUT: '700',
      OTEL_BSP_SCHEDULE_DELAY: '1',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
      OTEL_LOG_LEVEL: 'info',
    });
    for (const count of [30, 60]) {
      burst(sink, 30);
      await until(() => sink.figures().dropped === count, 'the batches had failed');
    }
    expect(sink.figures()).toEqual({ exported: 0, dropped: 60, queued: 0, limited: 0, keepLimited: 0 });
    const failures = sink.lines.filter(({ message }) => message.startsWith('spans could not be exported'));
    expect(failures).toEqual([
      { level: 'warn', message: expect.stringContaining('ECONNREFUSED'), fields: { spans: 10 } },
    ]);
    expect(sink.lines.length).toBeGreaterThan(1);
    expect(JSON.stringify(sink.lines)).not.toContain('hunter2');
  });

  test('refuses is logged with its status and not with what it says', async () => {
    await using server = await startServer((response) => response.writeHead(401).end('your token hunter2 is no good'));
    const sink = await startSink({ OTEL_EXPORTER_OTLP_ENDPOINT: server.url });
    burst(sink, 5);
    await sink.shutdown();
    expect(sink.figures()).toMatchObject({ exported: 0, dropped: 5 });
    const message = 'spans could not be exported and were dropped: Unauthorized (401)';
    expect(sink.lines).toEqual([{ level: 'warn', message, fields: { spans: 5 } }]);
  });

  test('has just failed is not waited for when the queue is full', async () => {
    let requests = 0;
    await using server = await startServer((response) => {
      if (++requests === 1) response.writeHead(400).end();
    });
    const sink = await startSink(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
        OTEL_BSP_MAX_QUEUE_SIZE: '10',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
      },
      IMPATIENT,
    );
    burst(sink, 10);
    await until(() => sink.figures().dropped === 10, 'the first batch had failed');
    await turn();
    burst(sink, 20);
    expect(sink.figures()).toMatchObject({ dropped: 10, queued: 20 });
    expect(sink.free()).toBe(Number.POSITIVE_INFINITY);
  });

  test('comes back gets spans again', async () => {
    const sink = await startSink({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/elsewhere`,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_BSP_SCHEDULE_DELAY: '1',
    });
    receiver.behave('hang');
    burst(sink, 5);
    await until(() => sink.figures().dropped === 5, 'the export was given up');
    receiver.behave(0);
    await until(() => {
      burst(sink, 1);
      return sink.figures().exported > 0;
    }, 'the endpoint was back');
    expect(receiver.spans.length).toBeGreaterThan(0);
  });
});
