import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { expect, test } from 'vitest';
import { startOtlpReceiver } from '../../testing/otlp.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const span = {
  name: 'publish orders',
  kind: 3,
  spanContext: () => ({ traceId, spanId: 'b7ad6b7169203331', traceFlags: 1 }),
  parentSpanContext: { traceId, spanId: '00f067aa0ba902b7', traceFlags: 1 },
  startTime: [1_700_000_000, 5],
  endTime: [1_700_000_001, 7],
  status: { code: 2, message: 'unroutable' },
  attributes: { text: 'a', int: 7, float: 0.5, yes: true, list: ['x', 'y'] },
  links: [{ context: { traceId, spanId: '00f067aa0ba902b8', traceFlags: 1 }, attributes: { of: 'batch' } }],
  events: [{ name: 'return', time: [1_700_000_000, 6], attributes: { code: 312 } }],
  resource: { attributes: { 'service.name': 'tests' } },
  instrumentationScope: { name: 'tracehare' },
} as never;

test.each([
  ['application/x-protobuf', ProtobufTraceSerializer],
  ['application/json', JsonTraceSerializer],
])('the OTLP receiver understands %s as the SDK writes it', async (type, serializer) => {
  const receiver = await startOtlpReceiver();
  try {
    const body = serializer.serializeRequest([span]) as Uint8Array<ArrayBuffer>;
    const response = await fetch(`${receiver.url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect(response.status).toBe(200);
    expect(receiver.spans).toEqual([
      {
        traceId,
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        traceState: '',
        name: 'publish orders',
        kind: 'PRODUCER',
        start: 1_700_000_000_000_000_005n,
        end: 1_700_000_001_000_000_007n,
        attributes: { text: 'a', int: 7, float: 0.5, yes: true, list: ['x', 'y'] },
        events: [{ name: 'return', time: 1_700_000_000_000_000_006n, attributes: { code: 312 } }],
        links: [{ traceId, spanId: '00f067aa0ba902b8', attributes: { of: 'batch' } }],
        status: { code: 'ERROR', message: 'unroutable' },
        resource: { 'service.name': 'tests' },
        scope: 'tracehare',
      },
    ]);
  } finally {
    await receiver.close();
  }
});
