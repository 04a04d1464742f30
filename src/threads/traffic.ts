import { isMainThread, parentPort } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import { type Bound, leadsTo } from '../config/own-address.ts';
import { RingReader, RingWriter, ringMemory } from '../events/ring.ts';
import { Faults, schedule } from '../faults/faults.ts';
import { Calls } from '../proxy/correlation/calls.ts';
import { correlationMemory } from '../proxy/correlation/correlation-memory.ts';
import { Listener } from '../proxy/listening/listener.ts';
import { failOpenInterceptor, failOpenMiddleware, failOpenObserver } from '../proxy/plane/fail-open.ts';
import type { Middleware } from '../proxy/plane/middleware.ts';
import { Mistakes } from '../proxy/plane/mistakes.ts';
import { Plane, type PlaneSettings } from '../proxy/plane/plane.ts';
import { WATCH_SHARE_MS, Watch } from '../proxy/plane/watch.ts';
import { Clock } from '../proxy/ports/clock.ts';
import { Dialer, nameOf } from '../proxy/stream/dial.ts';
import { compileClients } from '../rules/clients.ts';
import { compileRules } from '../rules/rules.ts';
import { wantedContexts } from '../telemetry/contexts/contexts.ts';
import { foldName } from '../telemetry/metrics/fold.ts';
import { createPropagation } from '../telemetry/propagation/propagation.ts';
import { createSampler } from '../telemetry/propagation/sampling.ts';
import { Recorder, type RecorderOptions } from '../telemetry/recording/recorder.ts';
import { Sightings } from '../telemetry/recording/sightings.ts';
import { createIdPool } from '../telemetry/traces/ids.ts';
import type { Rehearsal } from '../warm-up/warm-up.ts';
import type { Command, Configuration, Report, TrafficOptions } from './control.ts';
import { inlineMore } from './inlining.ts';

const SWEEP_MS = 60_000;
const SECOND_MS = 1000;
const REHEARSAL_RING_BYTES = 1 << 18;
/** More than a rehearsal has. */
const REHEARSAL_CONNECTIONS = 100;

/** What a data plane is made of: all of a thread's options but those of its listener and its plugins. */
interface PlaneParts extends Pick<TrafficOptions, 'config' | 'env' | 'ring' | 'calls' | 'index' | 'threads'> {
  metrics: RecorderOptions['port'];
  clock: Clock;
}

/**
 * The traffic thread's composition root: the data plane, the cells it counts on and the ring its
 * events leave by. Everything that isn't traffic is on the main thread (app/app.ts).
 */
function compose(options: PlaneParts, report: (message: Report) => void) {
  const { config, env, clock } = options;
  const share = (limit: number): number => Math.ceil(limit / options.threads);
  const ring = new RingWriter(options.ring);
  const recorder = new Recorder({
    maxTopics: config.metrics.maxTopics,
    maxEdges: config.metrics.maxEdges,
    idleAfter: config.metrics.idleAfter,
    buckets: config.metrics.buckets,
    openTelemetryNames: config.metrics.openTelemetryNames,
    port: options.metrics,
  });
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
  // all threads find the same wrong, one says so
  const warn = options.index === 0 ? (message: string) => report({ type: 'warning', message }) : () => {};
  const sampler = createSampler(env, { maxTracesPerSecond: share(config.tracing.maxTracesPerSecond), warn });
  const contexts = wantedContexts(env, warn);
  const ids = createIdPool();
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
    const now = new Faults(schedule(rules, enabled, clock.now(), before.scheduled), before);
    faults = now;
    return {
      interceptor: failOpenInterceptor(
        createPropagation({ sampler, ids, injectUnsampled: tracing.injectUnsampled, contexts }),
        () => observer.traffic.observerFailed(),
      ),
      rules: compileRules(rules, {
        loss: loss.mode,
        naming: (exchange, routingKey) => exchange || routingKey,
        fold: foldName,
        faults: (specs, side) => now.of(specs, side),
      }),
      options: {
        pipeline,
        windowPerChannel: limits.windowPerChannel,
        connections: share(limits.connections),
        settleOnClose: loss.settleOnClose,
        cause: tracing.cause,
        separateTraces: tracing.consumer === 'link',
        replyTimeout: rpc.timeout,
        poison: rounds.poison,
        slowAfter: tracing.keep.slow === 'auto' ? Number.NaN : tracing.keep.slow / 1000,
        keepPerSecond: share(tracing.keep.maxPerSecond),
        baggage: tracing.attributes.baggage,
        exempt: compileClients(loss.exempt),
        shownHeaders: tracing.attributes.headers.map((name) => ({ name, bytes: Buffer.from(name) })),
        outages: now.partitions,
      },
      releases: before.lacks(now),
    };
  };
  const { interceptor, rules, options: planeOptions } = settings(config);
  const watch = new Watch(options.threads);
  const calls = new Calls(options.calls, options.index, observer.traffic);
  const plane = new Plane(observer, interceptor, clock, rules, planeOptions, watch, calls);
  plane.bypass = config.bypass;
  // nobody else wants to know
  if (options.threads > 1) plane.facts.onFact = (fact) => report({ type: 'learned', fact });
  const mistakes = new Mistakes(nameOf(config.admin), (message, peer) => report({ type: 'mistake', message, peer }));
  plane.onMistake = (mistake) => mistakes.tell(mistake);
  return { plane, observer, recorder, sightings, sampler, watch, settings, share, outages: () => faults.partitions };
}

/** Resolves when it listens. */
async function runTraffic(options: TrafficOptions, report: (message: Report) => void): Promise<Listener> {
  const { config } = options;
  const clock = new Clock();
  if (config.process.warmUp && !config.bypass) await rehearse(options, clock);
  const parts = compose({ ...options, clock }, report);
  const { plane, observer, recorder, sightings, sampler, watch, settings, share } = parts;
  let bound: Bound | undefined;
  const dialer = new Dialer({
    servers: config.upstream.servers,
    security: options.upstreamSecurity,
    timeout: config.upstream.connectTimeout,
    refusal: () => {
      if (!parts.outages().some((outage) => outage.refuses(clock.now()))) return undefined;
      observer.traffic.faultInjected('partition');
      return 'fault: partition';
    },
    isOurs: (address, port) => bound !== undefined && leadsTo(bound, address, port),
    result: (upstream, error, life) => {
      observer.traffic.upstreamUp(nameOf(upstream), error === undefined);
      report({ type: 'dialled', upstream: nameOf(upstream), error: error?.message, ...(life && { life }) });
    },
  });
  const listener = new Listener(plane, dialer, options.listen.tls, options.index + 1, options.threads);

  /** All of it or, if it throws, nothing. */
  function configure({ config, tls, upstreamSecurity }: Configuration): void {
    listener.configure(settings(config), tls);
    dialer.configure({ security: upstreamSecurity, timeout: config.upstream.connectTimeout });
    sampler.limit(share(config.tracing.maxTracesPerSecond));
    plane.bypass = config.bypass;
  }

  let refills: NodeJS.Timeout | undefined;
  parentPort?.on('message', (command: Command) => {
    if (command.type === 'bypass') plane.bypass = true;
    else if (command.type === 'configure') report({ type: 'configured', error: failure(() => configure(command)) });
    else if (command.type === 'learn') plane.facts.learn(command.fact);
    else if (command.type === 'look') {
      report({ type: 'connections', ...listener.look(command.text, command.limit) });
    } else if (command.type === 'watch') {
      watch.set(command.topics);
      clearInterval(refills);
      if (watch.isOn) refills = setInterval(() => watch.refill(), WATCH_SHARE_MS).unref();
    } else {
      listener
        .idle(command.timeout)
        .then(() => listener.close())
        .then(() => report({ type: 'drained' }));
    }
  });
  const { idleAfter } = config.metrics;
  let aged = performance.now();
  setInterval(() => {
    const now = performance.now();
    recorder.sweep(now);
    if (idleAfter === 0 || now - aged < idleAfter) return;
    aged = now;
    listener.age();
  }, SWEEP_MS).unref();
  let limited = 0;
  let skipped = 0;
  setInterval(() => {
    recorder.advance(performance.now());
    const seen = sightings.take();
    if (seen.length > 0) report({ type: 'saw', seen });
    if (watch.skipped !== skipped) {
      skipped = watch.skipped;
      report({ type: 'skipped', count: skipped });
    }
    if (sampler.limited === limited) return;
    limited = sampler.limited;
    report({ type: 'sampling', limited });
  }, SECOND_MS).unref();

  plane.middleware = await middleware(options, report, () => observer.traffic.observerFailed());
  listener.onOutOfDescriptors = once(() => report({ type: 'out of descriptors' }));
  bound = await listener.listen(options.listen);
  report({ type: 'listening', port: bound.port });
  return listener;
}

/** Messages of our own pass through data planes like the one to come, which nobody hears of and which are forgotten. */
async function rehearse(options: TrafficOptions, clock: Clock): Promise<void> {
  const { warmUp } = await import('../warm-up/warm-up.ts');
  await warmUp([rehearsal(options, clock), rehearsal(options, clock)]);
}

function rehearsal({ config, ...options }: TrafficOptions, clock: Clock): Rehearsal {
  const ring = ringMemory(REHEARSAL_RING_BYTES);
  const reader = new RingReader(ring);
  const nobody = { event() {}, passage() {} };
  const parts = {
    ...options,
    // what an operator wants of their own messages and connections is not asked of these
    config: {
      ...config,
      rules: [],
      faults: { enabled: false },
      limits: { ...config.limits, connections: REHEARSAL_CONNECTIONS * options.threads },
    },
    ring,
    calls: correlationMemory(),
    metrics: { postMessage() {} },
    clock,
  };
  return {
    plane: compose(parts, () => {}).plane,
    tidy: () => void reader.read(Number.POSITIVE_INFINITY, nobody),
  };
}

/** Loads nothing where there are no plugins. */
async function middleware(
  { plugins, config, index }: TrafficOptions,
  report: (message: Report) => void,
  failed: () => void,
): Promise<Middleware | undefined> {
  if (plugins === undefined) return undefined;
  const { loadPlugins } = await import('../plugins/load.ts');
  const { PluginFigures } = await import('../plugins/figures.ts');
  const { middlewareOf } = await import('../plugins/plugins.ts');
  const loaded = middlewareOf(await loadPlugins(config.plugins, plugins.from), {
    thread: index + 1,
    figures: new PluginFigures(plugins.memory, config.plugins.length),
    report: (message) => report({ type: 'warning', message }),
  });
  return loaded && failOpenMiddleware(loaded, failed);
}

function once(call: () => void): () => void {
  let called = false;
  return () => {
    if (!called) call();
    called = true;
  };
}

function failure(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

if (!isMainThread && parentPort !== null) {
  inlineMore();
  const port = parentPort;
  const report = (message: Report): void => port.postMessage(message);
  // loaded while the main thread still reads the configuration: that comes as the first message
  port.once('message', (options: TrafficOptions) => {
    runTraffic(options, report).catch((error) => {
      const { message, code, syscall, port, hostname } = error;
      report({ type: 'failed', error: { message, code, syscall, port, hostname } });
    });
  });
}
