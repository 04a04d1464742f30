import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import type { ListenerOptions } from '../proxy/listening/listener.ts';
import type { Fact } from '../proxy/plane/facts.ts';
import type { Seen } from '../proxy/ports/sighting.ts';
import type { UpstreamSecurity } from '../proxy/stream/dial.ts';

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

/** Main thread to traffic thread. */
export type Command =
  | { type: 'bypass' }
  | ({ type: 'configure' } & Configuration)
  | { type: 'learn'; fact: Fact }
  | { type: 'drain'; timeout: number };

/** Traffic thread to main thread. */
export type Report =
  | { type: 'listening'; port: number }
  | { type: 'failed'; error: { message: string; code?: string; syscall?: string; port?: number; hostname?: string } }
  | { type: 'dialled'; upstream: string; error: string | undefined }
  | { type: 'warning'; message: string }
  /** the first time that a thread lacks one */
  | { type: 'out of descriptors' }
  | { type: 'sampling'; limited: number }
  | { type: 'learned'; fact: Fact }
  /** since the last report, at most once a second */
  | { type: 'saw'; seen: Seen[] }
  /** answers a `configure`; without an error it holds from the next message on */
  | { type: 'configured'; error: string | undefined }
  | { type: 'drained' };
