import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Config } from '../src/config/config.ts';
import { loadConfig } from '../src/config/load.ts';
import { ReadFiles } from '../src/config/read-files.ts';
import type { LifecycleEvent } from '../src/events/lifecycle.ts';
import { eventOf } from '../src/events/passage.ts';
import { RingReader, RingWriter, ringMemory } from '../src/events/ring.ts';
import { Faults, schedule } from '../src/faults/faults.ts';
import { PluginFigures, pluginMemory } from '../src/plugins/figures.ts';
import type { LoadedPlugin } from '../src/plugins/load.ts';
import { middlewareOf } from '../src/plugins/plugins.ts';
import { Connection } from '../src/proxy/connection/connection.ts';
import { failOpenInterceptor, failOpenMiddleware, failOpenObserver } from '../src/proxy/plane/fail-open.ts';
import { Plane, type PlaneSettings } from '../src/proxy/plane/plane.ts';
import { Clock } from '../src/proxy/ports/clock.ts';
import type { Seen } from '../src/proxy/ports/sighting.ts';
import { ScanScratch } from '../src/proxy/scanning/scan-scratch.ts';
import { Scratch } from '../src/proxy/stream/output.ts';
import { compileClients } from '../src/rules/clients.ts';
import type { Rule } from '../src/rules/rule.ts';
import { compileRules } from '../src/rules/rules.ts';
import { wantedContexts } from '../src/telemetry/contexts/contexts.ts';
import { foldName } from '../src/telemetry/metrics/fold.ts';
import { createPropagation } from '../src/telemetry/propagation/propagation.ts';
import { createSampler } from '../src/telemetry/propagation/sampling.ts';
import { Recorder } from '../src/telemetry/recording/recorder.ts';
import { Sightings } from '../src/telemetry/recording/sightings.ts';
import { createIdPool } from '../src/telemetry/traces/ids.ts';
import { app, broker, PROTOCOL } from './peer-frames.ts';

export { observedHeaders } from '../src/proxy/ports/interceptor.ts';

// The real data plane as the traffic thread composes it, between two sockets that lead nowhere:
// what it costs apart from the kernel, and what it would write.

/** A socket whose kernel takes everything at once, unless it is told otherwise. */
export class NullSocket extends EventEmitter {
  /** calls of write so far, and their bytes */
  writes = 0;
  bytesWritten = 0;
  /** what was written last; valid until the next write */
  last: Uint8Array = new Uint8Array(0);
  /** the kernel takes nothing until `writableLength` is set */
  isSlow = false;
  writableLength = 0;
  errored: Error | null = null;
  destroyed = false;
  readonly writable = true;
  writableEnded = false;
  readonly readableEnded = false;
  /** who waits for the kernel to take all */
  readonly waiting: (() => void)[] = [];

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (written !== undefined) this.waiting.push(written);
    if (this.isSlow) this.writableLength += bytes.length;
    if (bytes.length > 0) {
      this.writes++;
      this.bytesWritten += bytes.length;
      this.last = bytes;
    }
    return true;
  }

  /** Hands a chunk to whoever reads this socket, as the kernel would. */
  receive(chunk: Uint8Array): void {
    this.emit('data', chunk);
  }

  pause(): this {
    return this;
  }
  resume(): this {
    return this;
  }
  end(): this {
    return this;
  }
  destroy(): this {
    return this;
  }
}

/** A clock that can be moved: windows that time empties must be as full as at a real rate. */
class MovedClock extends Clock {
  ahead = 0;
  readonly #isTold: boolean;

  /** `now`: both times of the machine, if they are told. */
  constructor(now: (() => number) | undefined) {
    if (now === undefined) super();
    else super(now, now, 0);
    this.#isTold = now !== undefined;
  }

  override micros(now: number): number {
    return this.#isTold ? Math.round(now * 1000) : super.micros(now);
  }

  override now(): number {
    return super.now() + this.ahead;
  }
}

export interface RigOptions {
  /** flags of the sidecar, e.g. `['--loss', 'off']` */
  args?: string[];
  /** OTEL_* variables that rule sampling */
  env?: Record<string, string>;
  /** the text of a configuration file */
  file?: string;
  /** hooks of the user's */
  plugins?: readonly LoadedPlugin[];
  /** in place of the machine's clock; milliseconds, and those since the epoch as well */
  now?: () => number;
  sockets?: { app: NullSocket; broker: NullSocket };
  /** in place of the file's, and faults are enabled */
  rules?: Rule[];
}

export interface Rig {
  /** what the app sends is received here, what it gets is written here */
  readonly app: NullSocket;
  readonly broker: NullSocket;
  readonly recorder: Recorder;
  /** where the recorder tells of its cells */
  readonly cells: MessagePort;
  readonly plane: Plane;
  readonly connection: Connection;
  /** Time passes, and a sweep if it is due. Milliseconds. */
  pass(ms: number): void;
  /** The text of another configuration file holds from the next message on. */
  configure(file: string): void;
  /** Reads all events in the ring. */
  events(): LifecycleEvent[];
  /** Forgets all events in the ring, as if they had been read. */
  emptyRing(): void;
  /** events the ring had no room for */
  dropped(): number;
  /** what was seen of the apps' habits since the last call */
  sightings(): readonly Seen[];
}

const SWEEP_MS = 250;

/** A configuration file that is nowhere on disk. */
class GivenFile extends ReadFiles {
  readonly #content: string;

  constructor(content: string) {
    super();
    this.#content = content;
  }

  override text(): string {
    return this.#content;
  }
}

function configOf(args: readonly string[], file: string | undefined, rules: Rule[] | undefined): Config {
  if (rules !== undefined) return { ...configOf(args, file, undefined), rules, faults: { enabled: true } };
  if (file === undefined) return loadConfig({ argv: args, env: {} });
  return loadConfig({ argv: [...args, '--config', 'given.yaml'], env: {}, files: new GivenFile(file) });
}

export function createRig({
  args = [],
  env = {},
  file,
  rules: given,
  plugins = [],
  now,
  sockets,
}: RigOptions = {}): Rig {
  const config = configOf(args, file, given);
  const memory = ringMemory(4 << 20);
  const ring = new RingWriter(memory);
  const reader = new RingReader(memory);
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  port2.unref();
  const { maxTopics, maxEdges, idleAfter, buckets, openTelemetryNames } = config.metrics;
  const recorder = new Recorder({ maxTopics, maxEdges, idleAfter, buckets, openTelemetryNames, port: port1 });
  const sightings = new Sightings();
  const observer = failOpenObserver({
    publishes: (topic, pipeline) => recorder.publishes(topic, pipeline),
    deliveries: (topic, pipeline, queue) => recorder.deliveries(topic, pipeline, queue),
    hop: (hop) => recorder.hop(hop),
    slowness: (topic, pipeline, queue) => recorder.slowness(topic, pipeline, queue),
    watermark: (of) => recorder.watermark(of),
    saw: (sighting) => sightings.saw(sighting),
    traffic: recorder.traffic,
    emit: (event) => ring.write(event),
    ended: (passage) => ring.writePassage(passage),
  });
  const sampler = createSampler(env, { maxTracesPerSecond: config.tracing.maxTracesPerSecond });
  const ids = createIdPool();
  const clock = new MovedClock(now);
  let faults = new Faults([]);
  const settings = ({
    tracing,
    rpc,
    rounds,
    rules,
    loss,
    pipeline,
    limits,
    faults: { enabled },
  }: Config): PlaneSettings => {
    const before = faults;
    const current = new Faults(schedule(rules, enabled, clock.now(), before.scheduled), before);
    faults = current;
    return {
      interceptor: failOpenInterceptor(
        createPropagation({ sampler, ids, injectUnsampled: tracing.injectUnsampled, contexts: wantedContexts(env) }),
        () => observer.traffic.observerFailed(),
      ),
      rules: compileRules(rules, {
        loss: loss.mode,
        naming: (exchange, routingKey) => exchange || routingKey,
        fold: foldName,
        faults: (specs, side) => current.of(specs, side),
      }),
      options: {
        pipeline,
        windowPerChannel: limits.windowPerChannel,
        connections: limits.connections,
        settleOnClose: loss.settleOnClose,
        cause: tracing.cause,
        separateTraces: tracing.consumer === 'link',
        replyTimeout: rpc.timeout,
        poison: rounds.poison,
        slowAfter: tracing.keep.slow === 'auto' ? Number.NaN : tracing.keep.slow / 1000,
        keepPerSecond: tracing.keep.maxPerSecond,
        baggage: tracing.attributes.baggage,
        exempt: compileClients(loss.exempt),
        shownHeaders: tracing.attributes.headers.map((name) => ({ name, bytes: Buffer.from(name) })),
        outages: current.partitions,
      },
      releases: before.lacks(current),
    };
  };
  const { interceptor, rules, options } = settings(config);
  const plane = new Plane(observer, interceptor, clock, rules, options);
  const middleware = middlewareOf(plugins, {
    thread: 1,
    figures: new PluginFigures(pluginMemory(plugins.length, 2), plugins.length),
    report: () => {},
  });
  plane.middleware = middleware && failOpenMiddleware(middleware, () => observer.traffic.observerFailed());
  const { app: appSocket, broker: brokerSocket } = sockets ?? { app: new NullSocket(), broker: new NullSocket() };
  const connection = new Connection(
    1,
    appSocket as unknown as Socket,
    brokerSocket as unknown as Socket,
    { host: '127.0.0.1', port: 5672, tls: false },
    plane,
    { output: new Scratch(), runs: new ScanScratch() },
    () => {},
  );
  // as the listener does
  plane.onCrowded = () =>
    setImmediate(() => {
      plane.age();
      connection.rerouted();
    });
  let swept = 0;
  return {
    app: appSocket,
    broker: brokerSocket,
    recorder,
    cells: port2,
    plane,
    connection,
    pass(ms) {
      clock.ahead += ms;
      if (clock.now() - swept < SWEEP_MS) return;
      swept = clock.now();
      plane.sweep(swept);
      connection.sweep(swept);
    },
    configure(file) {
      const next = configOf(args, file, given);
      const changed = settings(next);
      plane.configure(changed);
      sampler.limit(next.tracing.maxTracesPerSecond);
      connection.reconfigured();
      if (changed.releases) connection.release();
    },
    events() {
      const events: LifecycleEvent[] = [];
      reader.read(Number.POSITIVE_INFINITY, {
        event: (event) => events.push(event),
        passage: (passage) => events.push(eventOf(passage)),
      });
      return events;
    },
    emptyRing: () => emptyRing(memory),
    dropped: () => reader.dropped,
    sightings: () => sightings.take(),
  };
}

/** As if all had been read: tail becomes head (src/events/ring.ts). */
export function emptyRing(memory: SharedArrayBuffer): void {
  const [head, tail] = [0, 1];
  const control = new Int32Array(memory);
  control[tail] = control[head];
}

/** Opens the connection and channel 1, as a client and a broker would. */
export function handshake(
  rig: Rig,
  then: { confirms?: boolean; consume?: { tag: string; noAck: boolean } } = {},
): void {
  const say = (by: 'app' | 'broker', bytes: Uint8Array): void => rig[by].receive(Buffer.from(bytes));
  say('app', PROTOCOL);
  say('broker', broker.start);
  say('app', app.startOk);
  say('broker', broker.tune);
  say('app', app.tuneOk);
  say('app', app.open);
  say('broker', broker.openOk);
  say('app', app.channelOpen);
  say('broker', broker.channelOpenOk);
  if (then.confirms) {
    say('app', app.confirmSelect);
    say('broker', broker.confirmSelectOk);
  }
  if (then.consume) {
    const { tag, noAck } = then.consume;
    say('app', app.consume('orders', tag, noAck));
    say('broker', broker.consumeOk(tag));
  }
}
