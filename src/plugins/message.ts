import type { ContentHeader } from '../amqp/content.ts';
import type { FieldTable } from '../amqp/fields.ts';
import { type Properties, readHeaders, readProperties } from '../amqp/properties.ts';
import { hexOf } from '../events/hex.ts';
import type { Scope } from '../proxy/plane/plane.ts';
import { TRACEPARENT } from '../proxy/ports/interceptor.ts';
import type { Route } from '../proxy/routing/routes.ts';
import { FLAG_SAMPLED, parseTraceparent } from '../telemetry/traces/traceparent.ts';
import type { Message, Trace } from './plugin.ts';

/** trace id and span id */
const words = new Uint32Array(6);

/** The message at hand as plugins see it: one for all of them. What needs its bytes can be read until `release`. */
export class MessageView implements Message {
  readonly side: Message['side'];
  readonly vhost: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
  readonly topic: string;
  readonly pipeline: string;
  readonly app: string;
  readonly connectionName: string;
  readonly redelivered: boolean;
  readonly bodySize: number;
  #header: ContentHeader | undefined;
  #properties: Readonly<Properties> | undefined;
  #headers: Readonly<FieldTable> | undefined;

  constructor(
    side: Message['side'],
    header: ContentHeader,
    route: Route<unknown>,
    { vhost, app, client }: Scope,
    redelivered: boolean,
  ) {
    this.side = side;
    this.vhost = vhost;
    this.exchange = route.exchange;
    this.routingKey = route.routingKey;
    this.queue = route.queue;
    this.topic = route.topic;
    this.pipeline = route.pipeline;
    this.app = app;
    this.connectionName = client.connectionName;
    this.redelivered = redelivered;
    this.bodySize = header.bodySize;
    this.#header = header;
    Object.freeze(this);
  }

  get properties(): Readonly<Properties> {
    this.#properties ??= Object.freeze(readProperties(this.#bytes()));
    return this.#properties;
  }

  get headers(): Readonly<FieldTable> {
    this.#headers ??= Object.freeze(readHeaders(this.#bytes()));
    return this.#headers;
  }

  get trace(): Trace | undefined {
    const header = this.#bytes();
    const at = header.stringAt(TRACEPARENT);
    if (at < 0) return undefined;
    const flags = parseTraceparent(header.buf as Buffer, at, header.stringLength(TRACEPARENT), words, 0);
    if (flags < 0) return undefined;
    return { traceId: hexOf(words, 0, 4), spanId: hexOf(words, 4, 2), sampled: (flags & FLAG_SAMPLED) !== 0 };
  }

  release(): void {
    this.#header = undefined;
  }

  #bytes(): ContentHeader {
    if (this.#header === undefined)
      throw new Error('the message has passed: properties, headers and trace must be read during the call');
    return this.#header;
  }
}
