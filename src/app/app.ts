import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startAdmin } from '../admin/server.ts';
import type { Loaded } from '../config/load.ts';
import { didYouMean } from '../config/nearest.ts';
import type { ReadFiles } from '../config/read-files.ts';
import { EventBus } from '../events/bus.ts';
import { EventPump } from '../events/pump.ts';
import { pushedTo, spansGoTo } from '../telemetry/export/destination.ts';
import { tellLosses } from '../telemetry/export/log-records.ts';
import { createSpanSink, observeSpans } from '../telemetry/export/sink.ts';
import { variableMistakes } from '../telemetry/export/variables.ts';
import { observeExemplars } from '../telemetry/exposition/observe.ts';
import { Findings } from '../telemetry/findings/findings.ts';
import { LossLog } from '../telemetry/loss/log.ts';
import { observeLosses } from '../telemetry/loss/observe.ts';
import { observePoison } from '../telemetry/loss/poison-list.ts';
import { threadVariables } from '../telemetry/traces/environment.ts';
import { startTraffic, type TrafficThread } from '../threads/traffic-thread.ts';
import { version } from '../version.ts';
import { adminSources } from './admin-sources.ts';
import { Blocked } from './blocked.ts';
import { Certificates } from './certificates.ts';
import { FaultWatch } from './fault-watch.ts';
import { exposed, registerFigures, registerReloads } from './figures.ts';
import { logLifecycle } from './lifecycle-log.ts';
import type { Logger } from './log.ts';
import { MessageWatch } from './message-watch.ts';
import { obeyConfigFile } from './otel-file.ts';
import { changesBy, Overlay } from './overlay.ts';
import type { PluginHost } from './plugin-host.ts';
import { Pushes } from './pushes.ts';
import { recordedLog } from './recorded-log.ts';
import { Reloader } from './reload.ts';
import { schedule } from './scheduling.ts';
import { listenerSecurity, upstreamSecurity } from './security.ts';
import { identityOf, type StateSources } from './sidecar-view.ts';
import { ThreadReports } from './thread-reports.ts';
import { Upstreams } from './upstreams.ts';

const SNAPSHOT_MS = 1000;
/** A drain lasts drain.timeout, 4 s for connections to close, 5 for what is exported and 1 for scrapes; what lasts longer hangs. */
const DRAIN_MARGIN_MS = 15_000;

export interface RunningApp {
  /** bound addresses, host:port */
  listen: string;
  admin: string;
  /** where spans go */
  spans: string;
  /** where metrics and log records are sent to; '' for nowhere */
  metrics: string;
  logs: string;
  /** the policy its threads are scheduled by */
  scheduling: string;
  /** Resolves when the last connection is gone and everything is closed. */
  drain(): Promise<void>;
  /** New connections become plain pipes. */
  bypass(): void;
  /** Reads the configuration again, changed or not. Never rejects. */
  reload(): Promise<void>;
}

export interface StartOptions {
  loaded: Loaded;
  /** what it was made of so far; files of TLS are read through it */
  files: ReadFiles;
  /** of loadTraffic */
  traffic: Worker;
  /** Reads it all again, files through `files`. Throws ConfigError. */
  load(files: ReadFiles): Loaded;
  log: Logger;
}

/**
 * The composition root: the only file that knows everyone. The traffic threads move messages; this
 * thread turns what they count and tell into metrics, spans, logs and answers.
 */
export async function start({ loaded, files, traffic, load, log }: StartOptions): Promise<RunningApp> {
  const startedAt = Date.now();
  const instance = randomUUID();
  /** at the start; `running` is what holds now */
  const { config } = loaded;
  let running = config;
  /** `running` without what lies over it */
  let base = config;
  const overlay = new Overlay(log, () => reloader.again());
  const upstreams = new Upstreams(config.upstream, log);
  const certificates = new Certificates(log);
  let draining = false;
  const threads: TrafficThread[] = [];
  const findings = new Findings(config.metrics.idleAfter);
  const reports = new ThreadReports({
    log,
    upstreams,
    certificates,
    connections: () => running.limits.connections,
    skipped: (from, count) => messages.skipped(from, count),
    saw: (seen) => findings.note(seen, Date.now()),
    learned(fact, from) {
      threads.forEach((thread, index) => {
        if (index !== from) thread.learn(fact);
      });
    },
  });

  const workers = config.workers === 'auto' ? availableParallelism() : config.workers;
  // before anything listens: a plugin that can't be used is a reason not to start
  const plugins = await loadPlugins(loaded, workers, log);
  await obeyConfigFile(process.env, log);
  // the SDK takes longest to load: it must not hold up the traffic
  for (const mistake of variableMistakes(process.env, didYouMean)) log.warn(mistake);
  const sinkLoading = createSpanSink({
    env: process.env,
    ...config.tracing,
    version,
    instance,
    keepBytes: config.page.traces,
    log,
  });
  sinkLoading.catch(() => {});
  const pushesLoading = Pushes.start(log, instance, () => exposition);
  pushesLoading.catch(() => {});
  threads.push(
    ...(await startTraffic(
      {
        config,
        listen: {
          host: config.listen.host,
          port: config.listen.port,
          shared: false,
          tls: config.listen.tls && listenerSecurity(config.listen.tls, files),
        },
        upstreamSecurity: upstreamSecurity(config.upstream, files),
        plugins: plugins?.shared,
        env: threadVariables(process.env),
      },
      workers,
      traffic,
      (report, from) => reports.take(report, from),
      (error) => {
        throw error;
      },
    )),
  );

  // now that all threads are there
  const scheduled = schedule(config.process.schedulingPolicy);
  certificates.configure(config, files);
  const pushes = await pushesLoading;
  const { records } = pushes;
  upstreams.log = recordedLog(log, 'tracehare.upstream', records);
  const faults = new FaultWatch(recordedLog(log, 'tracehare.fault', records));
  faults.update(config.rules, config.faults.enabled);

  const exposition = exposed(config);
  for (const { metrics } of threads) exposition.attach(metrics);
  const sink = await sinkLoading;
  const bus = new EventBus(
    () => sink.free(),
    (error) => log.error({ err: error }, 'an observer of events failed'),
  );
  for (const { events } of threads) bus.attach(events);
  logLifecycle(bus, recordedLog(log, 'tracehare.connection', records));
  const losses = observeLosses(bus, new LossLog(config.limits.losses));
  tellLosses(bus, records);
  const poison = observePoison(bus, config.limits.poison);
  observeExemplars(bus, exposition);
  const blocked = new Blocked(bus);
  const messages = new MessageWatch(bus, threads);
  observeSpans(bus, sink);
  plugins?.observe(bus);
  plugins?.register(exposition);

  const eventsDropped = (): number => sum(threads.map(({ events }) => events.dropped));
  pushes.register(exposition);
  registerFigures(exposition, {
    sink,
    reports,
    faults,
    certificates,
    overlay,
    findings,
    running: () => running,
    eventsDropped,
  });

  const events = new EventPump(bus);
  const snapshots = setInterval(() => exposition.snapshot(), SNAPSHOT_MS);

  const { host } = config.listen;
  const listen = `${host.includes(':') ? `[${host}]` : host}:${threads[0].port}`;
  const drainTraffic = (timeout: number): Promise<unknown> => Promise.all(threads.map((each) => each.drain(timeout)));

  const identity = identityOf(instance, listen, process.env);
  const look: StateSources = {
    identity,
    startedAt,
    listen,
    env: process.env,
    configFile: loaded.path,
    exposition,
    sink,
    running: () => running,
    upstreams: () => upstreams.list(),
    faults: () => faults.list(),
    blocked: () => blocked.figures,
    reloads: () => ({ ...reloader.counts, lastFailed: !reloader.succeeded }),
    limits: () => ({ 'new traces a second': reports.limited, 'events dropped': eventsDropped() }),
  };

  const sources = adminSources({
    state: look,
    threads,
    losses,
    poison,
    findings,
    messages,
    upstreams,
    isDraining: () => draining,
    eventsDropped,
    changes: changesBy(overlay, { running: () => running, configured: () => faults.rows(base.rules) }),
  });
  const admin = await startAdmin({ ...config.admin, peers: config.peers }, sources).catch(async (error) => {
    await drainTraffic(0);
    throw error;
  });

  async function apply({ config: next }: Loaded, files: ReadFiles): Promise<void> {
    const config = overlay.over(next);
    const { listen, upstream } = config;
    const tls = listen.tls && listenerSecurity(listen.tls, files);
    const configuration = { config, tls, upstreamSecurity: upstreamSecurity(upstream, files) };
    await Promise.all(threads.map((thread) => thread.configure(configuration)));
    base = next;
    overlay.configured(base);
    running = overlay.over(base);
    faults.update(config.rules, config.faults.enabled);
    log.level = config.log.level;
    sink.configure(config.tracing);
    upstreams.configure(upstream);
    certificates.configure(config, files);
    admin.configure({ ...config.admin, peers: config.peers });
  }
  const reloads = recordedLog(log, 'tracehare.configuration', records);
  const reloader = new Reloader({ running: loaded, files, load, apply, log: reloads });
  registerReloads(exposition, reloader);

  return {
    listen,
    admin: admin.address,
    spans: spansGoTo(process.env),
    metrics: pushedTo(process.env, 'METRICS'),
    logs: pushedTo(process.env, 'LOGS'),
    scheduling: await scheduled,
    bypass() {
      overlay.bypass = true;
      running = overlay.over(base);
      for (const thread of threads) thread.bypass();
    },
    reload: () => reloader.reload(),
    async drain() {
      draining = true;
      let step = 'a reload';
      const late = setTimeout(() => {
        log.fatal({ step }, 'drain does not end: killed');
        // whatever hangs may hang an orderly exit too
        process.kill(process.pid, 'SIGKILL');
      }, running.drain.timeout + DRAIN_MARGIN_MS);
      await reloader.close();
      certificates.close();
      overlay.close();
      step = 'connections';
      await drainTraffic(running.drain.timeout);
      step = 'events';
      await events.drain();
      clearInterval(snapshots);
      step = 'exports';
      await Promise.all([sink.shutdown(), pushes.shutdown()]);
      step = 'scrapes';
      await admin.close();
      clearTimeout(late);
    },
  };
}

/** Imports nothing where there are no plugins. */
async function loadPlugins(
  { config: { plugins }, path }: Loaded,
  threads: number,
  log: Logger,
): Promise<PluginHost | undefined> {
  if (plugins.length === 0 || path === undefined) return undefined;
  const { PluginHost } = await import('./plugin-host.ts');
  return PluginHost.load(plugins, { from: path, threads, log });
}

const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0);
