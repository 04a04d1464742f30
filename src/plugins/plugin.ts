import type { FieldTable, FieldValue } from '../amqp/fields.ts';
import type { Properties } from '../amqp/properties.ts';
import type { LifecycleEvent } from '../events/lifecycle.ts';

/** What `import type … from 'tracehare'` offers: the contract between Tracehare and a plugin (docs/plugins.md). */

export type * from '../events/lifecycle.ts';
export type { FieldTable, FieldValue, Properties };

/** What a plugin's module exports: at least one of the hooks. */
export interface Plugin {
  /** names that `count` takes; each is a series of tracehare_plugin_count_total */
  counters?: readonly string[];
  onPublish?: PublishHook;
  onDeliver?: DeliverHook;
  onEvent?: EventHook;
}

/** Before a publish is forwarded to the broker. */
export type PublishHook = (message: Message, plugin: PluginContext) => PublishDecision | undefined;
/** Before a delivery, or the answer to a basic.get, is forwarded to the app. */
export type DeliverHook = (message: Message, plugin: PluginContext) => DeliverDecision | undefined;
/** After the fact: connections, channels, consumers, and how sampled and lost messages ended. */
export type EventHook = (event: LifecycleEvent, plugin: PluginContext) => undefined;

/** The same object for every call on one thread. */
export interface PluginContext {
  /** as in the configuration file */
  readonly options: Readonly<Record<string, unknown>>;
  /** Adds `by` (default 1, 0 or more) to one of the plugin's `counters`. */
  count(counter: string, by?: number): void;
}

/** A message on its way, without its body. Nothing of it can be changed. */
export interface Message {
  readonly side: 'publish' | 'consume';
  readonly vhost: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** the queue a delivery comes out of; '' for publishes */
  readonly queue: string;
  /** the names under which it is counted */
  readonly topic: string;
  readonly pipeline: string;
  /** the app behind the connection, as the service map and rules name it */
  readonly app: string;
  /** client property connection_name; '' if the app set none */
  readonly connectionName: string;
  /** of deliveries: the broker says that it delivered this message before */
  readonly redelivered: boolean;
  /** bytes */
  readonly bodySize: number;
  /** Read during the call: decoded when first asked for. */
  readonly properties: Readonly<Properties>;
  /** Read during the call: decoded when first asked for. As the app or, for deliveries, the broker sent them. */
  readonly headers: Readonly<FieldTable>;
  /** Read during the call. What a valid `traceparent` header says; undefined without one. */
  readonly trace: Trace | undefined;
}

/** Ids are lowercase hex. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

export interface DeliverDecision {
  /**
   * Whether the trace that starts here is sampled, if the message has none yet: goes before rules
   * and tracing.maxTracesPerSecond. A trace that exists is left as it is.
   */
  sample?: boolean;
}

export interface PublishDecision extends DeliverDecision {
  headers?: HeaderDecision;
}

/** Of several that decide on one header, the first does: plugins in their order, then rules. */
export interface HeaderDecision {
  /** as text; what the app set under the same name stays */
  add?: Readonly<Record<string, string>>;
  /** though the app set them */
  remove?: readonly string[];
  /** what is added replaces what the app set under the same name */
  replace?: boolean;
}
