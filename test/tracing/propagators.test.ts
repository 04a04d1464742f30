import { afterEach, describe, expect, test } from 'vitest';
import type { DeliveryEnded, PublishEnded } from '../../src/events/lifecycle.ts';
import { deliver, type Message, publish } from '../../testing/peer-frames.ts';
import { createRig, handshake, type Rig } from '../../testing/plane-rig.ts';
import { decodeHeader, type Entry, method, short, split, string, u16 } from '../../testing/wire.ts';

// OTEL_PROPAGATORS on the way of a message: what is read, what is added beside it, and that a returned message is given
// back as it was sent.

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const OTHER = '4bf92f3577b34da6a3ce929d0e0e4736';
const B3 = string('b3', `${TRACE}-${SPAN}-1`);
const W3C = string('traceparent', `00-${OTHER}-00f067aa0ba902b7-01`);

const rigs: Rig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.cells.close();
});

function site(propagators: string, file?: string) {
  const rig = createRig({
    env: { OTEL_PROPAGATORS: propagators, OTEL_TRACES_SAMPLER: 'parentbased_always_on' },
    ...(file && { file }),
  });
  rigs.push(rig);
  handshake(rig, { consume: { tag: 'c1', noAck: true } });
  const sent: Buffer[] = [];
  const got: Buffer[] = [];
  for (const [socket, into] of [
    [rig.broker, sent],
    [rig.app, got],
  ] as const) {
    const write = socket.write.bind(socket);
    socket.write = (bytes, then) => {
      if (bytes.length > 0) into.push(Buffer.from(bytes));
      return write(bytes, then);
    };
  }
  const message = (headers: Entry[], more: Partial<Message> = {}): Message => ({
    exchange: 'orders',
    routingKey: 'eu',
    body: 0,
    headers,
    ...more,
  });
  return {
    rig,
    /** The headers as the broker gets them. */
    publishes(headers: Entry[], more?: Partial<Message>): Map<string, string> {
      rig.app.receive(publish(message(headers, more)));
      const [, header] = split(sent.at(-1) as Buffer).frames;
      return textsOf(decodeHeader(header).entries ?? []);
    },
    told(): PublishEnded | DeliveryEnded {
      rig.pass(3000);
      const [event] = rig.events().filter(({ type }) => type === 'publish.ended' || type === 'delivery.ended');
      return event as PublishEnded | DeliveryEnded;
    },
    delivers(headers: Entry[]): void {
      rig.broker.receive(deliver(message(headers), 'c1', 1));
    },
    /** The broker gives back what it got last; the content header as the app gets it. */
    comesBack(): Buffer {
      const [first, ...content] = split(sent.at(-1) as Buffer).frames;
      const names = first.subarray(13, -2);
      rig.broker.receive(Buffer.concat([method(1, 60, 50, u16(312), short('NO_ROUTE'), names), ...content]));
      return split(got.at(-1) as Buffer).frames[1];
    },
    /** That header as the app sent it. */
    sent: (headers: Entry[]): Buffer => split(publish(message(headers, { mandatory: true }))).frames[1],
  };
}

const textsOf = (entries: Entry[]): Map<string, string> =>
  new Map(
    entries
      .filter(({ key }) => key.toString() !== 'x-tracehare-sent')
      .map(({ key, type, value }) => {
        expect(type).toBe('S');
        return [key.toString(), value.subarray(4).toString()];
      }),
  );

/** Both in one piece and in two. */
const ALL = 'tracecontext,baggage,b3,b3multi,jaeger,datadog,ottrace';

describe('a message without any context', () => {
  test.each([[[]], [[string('x-tenant', 'acme')]]])(
    'carries one of each format that is listed, of one trace: %#',
    (headers) => {
      const { publishes, told } = site(ALL);
      const all = publishes(headers);
      const [, trace, span] = /^00-(\w{32})-(\w{16})-01$/.exec(all.get('traceparent') ?? '') ?? [];
      expect(Object.fromEntries([...all].filter(([name]) => name !== 'x-tenant'))).toEqual({
        traceparent: `00-${trace}-${span}-01`,
        b3: `${trace}-${span}-1`,
        'x-b3-traceid': trace,
        'x-b3-spanid': span,
        'x-b3-sampled': '1',
        'uber-trace-id': `${trace}:${span}:0:01`,
        'x-datadog-trace-id': String(BigInt(`0x${trace.slice(16)}`)),
        'x-datadog-parent-id': String(BigInt(`0x${span}`)),
        'x-datadog-sampling-priority': '1',
        'x-datadog-tags': `_dd.p.tid=${trace.slice(0, 16)}`,
        'ot-tracer-traceid': trace.slice(16),
        'ot-tracer-spanid': span,
        'ot-tracer-sampled': 'true',
      });
      expect(told()).toMatchObject({ traceId: trace, spanId: span, parentSpanId: '' });
    },
  );

  test('carries W3C’s alone by default, and b3 is not looked at', () => {
    const { publishes, told } = site('');
    const all = publishes([B3]);
    expect([...all.keys()].sort()).toEqual(['b3', 'traceparent']);
    expect(told()).toMatchObject({ parentSpanId: '' });
    expect(all.get('traceparent')).not.toContain(TRACE);
  });

  test('carries none with none, and what the app sends is not looked at', () => {
    const { publishes, told } = site('none');
    expect([...publishes([])]).toEqual([]);
    expect([...publishes([W3C]).keys()]).toEqual(['traceparent']);
    expect(told().traceId).not.toBe(OTHER);
  });
});

describe.each([
  ['b3', [B3]],
  ['b3multi', [string('x-b3-traceid', TRACE), string('x-b3-spanid', SPAN), string('x-b3-sampled', '1')]],
  ['b3multi', [string('X-B3-TraceId', TRACE), string('X-B3-SpanId', SPAN), string('X-B3-Sampled', '1')]],
  ['jaeger', [string('uber-trace-id', `${TRACE}:${SPAN}:0:1`)]],
  [
    'datadog',
    [
      string('x-datadog-trace-id', String(BigInt(`0x${TRACE.slice(16)}`))),
      string('x-datadog-parent-id', String(BigInt(`0x${SPAN}`))),
      string('x-datadog-sampling-priority', '1'),
      string('x-datadog-tags', `_dd.p.tid=${TRACE.slice(0, 16)}`),
    ],
  ],
])('a message with a context of %s alone (%#)', (name, headers) => {
  test('is continued: the publish span is its child, and traceparent names that span', () => {
    const { publishes, told } = site(name);
    const all = publishes(headers);
    const event = told();
    expect(event).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, sampled: true, traceState: '' });
    expect(all.get('traceparent')).toBe(`00-${TRACE}-${event.spanId}-01`);
    for (const { key, value } of headers) expect(all.get(key.toString())).toBe(value.subarray(4).toString());
    expect(all.size).toBe(headers.length + 1);
  });

  test('is continued where it is delivered', () => {
    const { delivers, told } = site(name);
    delivers(headers);
    expect(told()).toMatchObject({ type: 'delivery.ended', traceId: TRACE, parentSpanId: SPAN, sampled: true });
  });

  test('gets the other formats beside it', () => {
    const others = ['b3', 'b3multi', 'jaeger', 'datadog'].filter((each) => each !== name);
    const all = site([name, ...others].join()).publishes(headers);
    const count = { b3: 1, b3multi: 3, jaeger: 1, datadog: 4 };
    expect(all.size).toBe(others.reduce((sum, each) => sum + count[each as keyof typeof count], headers.length + 1));
  });
});

test.each([
  ['without headers', []],
  ['with a b3', [B3]],
  ['with a traceparent', [W3C]],
])('a message %s gets the same, wherever the chunk ends', (_, headers) => {
  const bytes = publish({ exchange: 'orders', routingKey: 'eu', body: 3, headers });
  const { rig, publishes } = site(ALL);
  const names = [...publishes(headers).keys()].sort();
  for (let cut = 1; cut < bytes.length; cut++) {
    const written: Buffer[] = [];
    const write = rig.broker.write.bind(rig.broker);
    rig.broker.write = (chunk, then) => {
      written.push(Buffer.from(chunk));
      return write(chunk, then);
    };
    rig.app.receive(Buffer.from(bytes.subarray(0, cut)));
    rig.app.receive(Buffer.from(bytes.subarray(cut)));
    rig.broker.write = write;
    const [, header] = split(Buffer.concat(written)).frames;
    const all = textsOf(decodeHeader(header).entries ?? []);
    expect([...all.keys()].sort()).toEqual(names);
    expect(all.get('uber-trace-id')).toContain(all.get('traceparent')?.slice(3, 35));
  }
});

test('where both are there, traceparent is continued and neither is touched', () => {
  const { publishes, told } = site('b3');
  const headers = [W3C, B3, string('tracestate', 'a=b')];
  const all = publishes(headers);
  expect([...all].sort()).toEqual([...textsOf(headers)].sort());
  expect(told()).toMatchObject({ traceId: OTHER, parentSpanId: '00f067aa0ba902b7', traceState: 'a=b' });
});

test('beside a traceparent of its own comes the same context in the formats that are listed', () => {
  const all = site('b3,jaeger').publishes([string('traceparent', `00-${OTHER}-00f067aa0ba902b7-00`)]);
  expect(all.get('b3')).toBe(`${OTHER}-00f067aa0ba902b7-0`);
  expect(all.get('uber-trace-id')).toBe(`${OTHER}:00f067aa0ba902b7:0:00`);
});

test('an invalid traceparent gives way, with its tracestate, to a valid context of another format', () => {
  const { publishes, told } = site('b3');
  const all = publishes([string('traceparent', 'nonsense'), string('tracestate', 'a=b'), B3]);
  expect([...all.keys()].sort()).toEqual(['b3', 'traceparent']);
  expect(told()).toMatchObject({ traceId: TRACE, traceState: '' });
  expect(all.get('traceparent')).toContain(TRACE);
});

test('what is no context of a format that is listed stays as it is, and a trace begins', () => {
  const { publishes, told } = site('b3,jaeger');
  const all = publishes([string('b3', '0')]);
  expect(all.get('b3')).toBe('0');
  expect([...all.keys()].sort()).toEqual(['b3', 'traceparent', 'uber-trace-id']);
  expect(told()).toMatchObject({ parentSpanId: '' });
});

test('unsampled messages without context get none of any format when they are to get none', () => {
  const { publishes } = site(ALL, 'tracing: { injectUnsampled: false, maxTracesPerSecond: 0 }\n');
  const rig = createRig({
    env: { OTEL_PROPAGATORS: ALL, OTEL_TRACES_SAMPLER: 'always_off' },
    file: 'tracing: { injectUnsampled: false }\n',
  });
  rigs.push(rig);
  expect(publishes([]).size).toBeGreaterThan(1);
  handshake(rig);
  const written: Buffer[] = [];
  const write = rig.broker.write.bind(rig.broker);
  rig.broker.write = (bytes, then) => {
    written.push(Buffer.from(bytes));
    return write(bytes, then);
  };
  rig.app.receive(publish({ exchange: 'orders', routingKey: 'eu', body: 0 }));
  const [, header] = split(written.at(-1) as Buffer).frames;
  expect((decodeHeader(header).entries ?? []).map(({ key }) => key.toString())).toEqual(['x-tracehare-sent']);
});

describe('a message that comes back to the app', () => {
  const sets: [string, Entry[]][] = [
    ['without headers', []],
    ['with one of its own', [string('x-tenant', 'acme')]],
    ['with a b3 of its own', [string('a', 'b'), B3]],
    ['with a traceparent of its own', [W3C, string('x', 'y')]],
    ['with an x-b3 of its own', [string('x-b3-traceid', 'none')]],
  ];
  test.each(sets)('%s, at once: as it was sent', (_, headers) => {
    const { publishes, comesBack, sent } = site(ALL);
    publishes(headers, { mandatory: true });
    expect(comesBack()).toEqual(sent(headers));
  });

  test.each(sets)('%s, after its outcome was counted: as it was sent', (_, headers) => {
    const { rig, publishes, comesBack, sent } = site(ALL);
    publishes(headers, { mandatory: true });
    rig.pass(3000);
    expect(comesBack()).toEqual(sent(headers));
  });
});

describe('baggage', () => {
  const BAGGAGE = string('baggage', 'tenant=acme%20inc;prop=1, region = eu,secret=x');

  test('passes untouched, and spans show the keys that are asked for', () => {
    const { publishes, told } = site('', 'tracing: { attributes: { baggage: [tenant, region, absent] } }\n');
    expect(publishes([BAGGAGE]).get('baggage')).toBe('tenant=acme%20inc;prop=1, region = eu,secret=x');
    expect(told()).toMatchObject({ baggage: 'tenant=acme%20inc;prop=1, region = eu' });
  });

  test('of deliveries too', () => {
    const { delivers, told } = site('', 'tracing: { attributes: { baggage: [tenant] } }\n');
    delivers([BAGGAGE]);
    expect(told()).toMatchObject({ type: 'delivery.ended', baggage: 'tenant=acme%20inc;prop=1' });
  });

  test('of which nothing is shown by default', () => {
    const { publishes, told } = site('baggage');
    publishes([BAGGAGE]);
    expect(told()).toMatchObject({ baggage: '' });
  });
});
