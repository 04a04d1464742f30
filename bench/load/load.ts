import { setTimeout as pause } from 'node:timers/promises';
import { cpuTime, peakRss } from '../../testing/proc.ts';

const PATIENCE_MS = 60_000;

/** One load on one path: what the load generator is started with (as JSON) and what it prints. */
export interface LoadSpec {
  /** where the apps connect: the proxy, or the broker itself */
  port: number;
  /** queues and exchanges are made there, past every proxy */
  brokerPort: number;
  /** bytes of a message's body */
  body: number;
  /** AMQP connections: 1 does both, else half of them publish and half consume, in pairs with a queue each */
  connections: number;
  /** distinct exchanges published to; more than one only with one pair */
  topics: number;
  ack: 'auto' | 'manual';
  /** publishes without their confirm at most; 0: no confirms */
  confirmWindow: number;
  /** messages on their way at most, so that the broker needs no flow control; shared by all pairs */
  inFlight: number;
  /** messages a second on a fixed schedule; 0: as fast as it goes */
  rate: number;
  /** what the publisher adds by itself: a traceparent, or all that Tracehare adds by default (time and mandatory too) */
  adds: 'nothing' | 'traceparent' | 'all';
  /** only apps with amqplib: they trace by @opentelemetry/instrumentation-amqplib, as these OTEL_* variables say */
  instrumented: boolean;
  variables: Record<string, string>;
  warmup: number;
  /** both in seconds */
  seconds: number;
  /** processes whose CPU and memory are taken over the measured time */
  processes: Record<string, number>;
}

export interface LoadResult {
  messages: number;
  seconds: number;
  messagesPerSecond: number;
  /** microseconds of CPU per message, by process; `load` is the generator itself */
  cpu: Record<string, number>;
  /** MiB at the peak, connecting and warming up included */
  peakRss: Record<string, number>;
  /** microseconds from the time a message was due; only with a rate */
  latency?: Percentiles;
  /** how late the generator itself sent, in microseconds; part of `latency` */
  late?: Percentiles;
}

export interface Percentiles {
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export const defaults: Omit<LoadSpec, 'port' | 'brokerPort'> = {
  body: 100,
  connections: 2,
  topics: 1,
  ack: 'auto',
  confirmWindow: 0,
  inFlight: 4000,
  rate: 0,
  adds: 'nothing',
  instrumented: false,
  variables: {},
  warmup: 1,
  seconds: 3,
  processes: {},
};

/** CPU so far by process, in microseconds. */
function cpuNow({ processes }: LoadSpec): Record<string, number> {
  const { user, system } = process.cpuUsage();
  const others = Object.entries(processes).map(([name, pid]) => [name, cpuTime(pid)]);
  return { ...Object.fromEntries(others), load: user + system };
}

/** Waits for the measured time and says what passed in it. `count`: messages consumed so far. */
export async function measured(spec: LoadSpec, count: () => number): Promise<LoadResult> {
  await pause(spec.warmup * 1000);
  const before = { at: performance.now(), count: count(), cpu: cpuNow(spec) };
  await pause(spec.seconds * 1000);
  const cpu = cpuNow(spec);
  const messages = count() - before.count;
  const seconds = (performance.now() - before.at) / 1000;
  return {
    messages,
    seconds,
    messagesPerSecond: messages / seconds,
    cpu: Object.fromEntries(Object.entries(cpu).map(([name, used]) => [name, (used - before.cpu[name]) / messages])),
    peakRss: {
      ...Object.fromEntries(Object.entries(spec.processes).map(([name, pid]) => [name, peakRss(pid)])),
      load: peakRss(process.pid),
    },
  };
}

/** What was published must arrive: a path that loses messages has no figures. */
export async function all(published: number, consumed: () => number): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (consumed() < published) {
    if (performance.now() > deadline) throw new Error(`${consumed()} of ${published} messages arrived`);
    await pause(5);
  }
}

/** Sorts what it is given. Nanoseconds in, microseconds out. */
export function percentiles(nanoseconds: Float64Array): Percentiles {
  const sorted = nanoseconds.sort();
  const at = (share: number): number => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN) / 1000;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}
