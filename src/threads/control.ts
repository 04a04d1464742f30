import type { MessagePort } from 'node:worker_threads';
import type { ConnectionRow } from '../api.ts';
import type { Config } from '../config/config.ts';
import type { ListenerOptions } from '../proxy/listening/listener.ts';
import type { Fact } from '../proxy/plane/facts.ts';
import type { Seen } from '../proxy/ports/sighting.ts';
import type { CertificateLife, UpstreamSecurity } from '../proxy/stream/dial.ts';

/** What a traffic thread can be given anew while it runs. Files are read before. */
export interface Configuration {
  config: Config;
  /** undefined as long as apps connect without TLS */
  tls: ListenerOptions['tls'];
  upstreamSecurity: UpstreamSecurity;
}

/** What threads need to load config.plugins, each for itself: functions can't cross threads. */
export interface Plugins {
  /** the configuration file: modules are found from there */
  from: string;
  /** of PluginFigures */
  memory: SharedArrayBuffer;
}

/** What a traffic thread is started with. Files are read and variables looked up before. */
export interface TrafficOptions extends Omit<Configuration, 'tls'> {
  listen: ListenerOptions;
  /** undefined: there are none */
  plugins: Plugins | undefined;
  /** OTEL_* variables that rule sampling */
  env: Record<string, string | undefined>;
  /** memory of the thread's event ring */
  ring: SharedArrayBuffer;
  /** towards the main thread's Exposition */
  metrics: MessagePort;
  /** of how many threads this is which, from 0: limits are shared out, ids kept apart */
  index: number;
  threads: number;
}

/** Connections of one traffic thread. */
export interface FoundConnections {
  /** that match, beyond the limit too */
  matching: number;
  connections: Omit<ConnectionRow, 'sidecar'>[];
}

/** Main thread to traffic thread. */
export type Command =
  | { type: 'bypass' }
  | ({ type: 'configure' } & Configuration)
  | { type: 'learn'; fact: Fact }
  /** tell of messages of these topics as they end; undefined: of none but those that are told of anyway */
  | { type: 'watch'; topics: readonly string[] | 'all' | undefined }
  /** asks for a `connections`: of those that have `text` in their names, the first `limit` */
  | { type: 'look'; text: string; limit: number }
  | { type: 'drain'; timeout: number };

/** Traffic thread to main thread. */
export type Report =
  | { type: 'listening'; port: number }
  | { type: 'failed'; error: { message: string; code?: string; syscall?: string; port?: number; hostname?: string } }
  | { type: 'dialled'; upstream: string; error: string | undefined; life?: CertificateLife }
  | { type: 'warning'; message: string }
  /** the first of its kind on this thread */
  | { type: 'mistake'; message: string; peer: string }
  /** the first time that a thread lacks one */
  | { type: 'out of descriptors' }
  | { type: 'sampling'; limited: number }
  | { type: 'learned'; fact: Fact }
  /** since the last report, at most once a second */
  | { type: 'saw'; seen: Seen[] }
  /** messages that would have been told of because of `watch`, had there not been so many; since the start */
  | { type: 'skipped'; count: number }
  /** answers a `look` */
  | ({ type: 'connections' } & FoundConnections)
  /** answers a `configure`; without an error it holds from the next message on */
  | { type: 'configured'; error: string | undefined }
  | { type: 'drained' };
