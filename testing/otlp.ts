import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

export type AttributeValue = string | number | boolean | AttributeValue[];
export type Attributes = Record<string, AttributeValue>;

/** A span as it was received. Ids are lowercase hex, times nanoseconds since the epoch. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** '' for a root */
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER' | 'UNSPECIFIED';
  start: bigint;
  end: bigint;
  attributes: Attributes;
  events: { name: string; time: bigint; attributes: Attributes }[];
  links: { traceId: string; spanId: string; attributes: Attributes }[];
  status: { code: 'UNSET' | 'OK' | 'ERROR'; message: string };
  resource: Attributes;
  scope: string;
}

export interface OtlpReceiver {
  /** value for OTEL_EXPORTER_OTLP_ENDPOINT */
  url: string;
  /** grows as spans come */
  spans: ReceivedSpan[];
  /** export requests so far, answered or not */
  requests: number;
  /** From now on: milliseconds before each answer, or `hang` to answer never. */
  behave(how: number | 'hang'): void;
  close(): Promise<void>;
}

/** An OTLP/HTTP receiver for traces, http/protobuf and http/json, gzip or not. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  let behaviour: number | 'hang' = 0;
  const receiver: OtlpReceiver = {
    url: '',
    spans: [],
    requests: 0,
    behave(how) {
      behaviour = how;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
      response.writeHead(404).end();
      return;
    }
    receiver.requests++;
    const json = request.headers['content-type']?.startsWith('application/json') ?? false;
    const body = await bodyOf(request);
    if (behaviour === 'hang') return;
    await sleep(behaviour);
    receiver.spans.push(...spansIn(json ? JSON.parse(body.toString()) : decode(body)));
    response.writeHead(200, { 'content-type': json ? 'application/json' : 'application/x-protobuf' });
    response.end(json ? '{}' : undefined);
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(400).end(String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
}

const schema = protobuf.parse(readFileSync(new URL('./otlp.proto', import.meta.url), 'utf8'));
const request = schema.root.lookupType('ExportTraceServiceRequest');

/** Gives the same shape that OTLP's JSON has, except that ids are bytes. */
function decode(body: Buffer): ExportRequest {
  return request.toObject(request.decode(body), { longs: String, defaults: false }) as ExportRequest;
}

/** All that is in a request of protobuf, with what it leaves out because it is empty. */
export function contentOf(body: Uint8Array): Record<string, unknown> {
  return request.toObject(request.decode(body), { longs: String, bytes: String, defaults: true });
}

interface ExportRequest {
  resourceSpans?: {
    resource?: { attributes?: KeyValue[] };
    scopeSpans?: { scope?: { name?: string }; spans?: WireSpan[] }[];
  }[];
}
interface WireSpan {
  traceId: Id;
  spanId: Id;
  parentSpanId?: Id;
  traceState?: string;
  name: string;
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  events?: { name: string; timeUnixNano: string; attributes?: KeyValue[] }[];
  links?: { traceId: Id; spanId: Id; attributes?: KeyValue[] }[];
  status?: { code?: number; message?: string };
}
/** hex in JSON, bytes in protobuf */
type Id = string | Uint8Array;
interface KeyValue {
  key: string;
  value?: AnyValue;
}
type AnyValue = Record<string, unknown> & { arrayValue?: { values?: AnyValue[] } };

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const CODES = ['UNSET', 'OK', 'ERROR'] as const;

function spansIn(request: ExportRequest): ReceivedSpan[] {
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    (scopeSpans ?? []).flatMap(({ scope, spans }) =>
      (spans ?? []).map((span) => received(span, attributes(resource?.attributes), scope?.name ?? '')),
    ),
  );
}

function received(span: WireSpan, resource: Attributes, scope: string): ReceivedSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId ?? ''),
    traceState: span.traceState ?? '',
    name: span.name,
    kind: KINDS[span.kind ?? 0],
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    attributes: attributes(span.attributes),
    events: (span.events ?? []).map((event) => ({
      name: event.name,
      time: BigInt(event.timeUnixNano),
      attributes: attributes(event.attributes),
    })),
    links: (span.links ?? []).map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      attributes: attributes(link.attributes),
    })),
    status: { code: CODES[span.status?.code ?? 0], message: span.status?.message ?? '' },
    resource,
    scope,
  };
}

function hex(id: Id): string {
  return typeof id === 'string' ? id.toLowerCase() : Buffer.from(id).toString('hex');
}

function attributes(pairs: KeyValue[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value ?? {})]));
}

function plain(value: AnyValue): AttributeValue {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value.intValue !== undefined) return Number(value.intValue);
  return (value.stringValue ?? value.boolValue ?? value.doubleValue ?? '') as AttributeValue;
}
