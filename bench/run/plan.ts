import type { LoadSpec } from '../load/load.ts';
import { hasHaproxy, type Path } from './paths.ts';

/** What is put on every path of a suite, one after the other. */
export interface Load {
  name: string;
  spec: Partial<LoadSpec>;
}

export interface Suite {
  name: string;
  /** which program the apps are: the load generator, or apps with amqplib */
  apps?: 'amqplib';
  loads: Load[];
  paths: Path[];
}

export const direct: Path = { name: 'direct', kind: 'direct' };
export const tracehare: Path = { name: 'tracehare', kind: 'tracehare', exports: true };
export const pipe: Path = { name: 'pipe', kind: 'pipe' };
export const haproxy: Path = { name: 'haproxy', kind: 'haproxy' };

/** What tracing alone costs the broker is not the proxy's doing: an app that traces for itself. */
const tracedDirect: Path = { name: 'traced direct', kind: 'direct', load: { adds: 'traceparent' } };

/** The broker has the same work with them as with Tracehare: the publisher itself adds what Tracehare adds. */
const equal = (path: Path): Path => ({ ...path, name: `equal ${path.name}`, load: { ...path.load, adds: 'all' } });

const autoAck: Load = { name: 'auto-ack', spec: {} };
const confirmAck: Load = { name: 'confirm window 200, manual ack', spec: { ack: 'manual', confirmWindow: 200 } };

const goals: Suite = {
  name: 'goals',
  loads: [autoAck, confirmAck, { name: '2k/s', spec: { rate: 2000 } }, { name: '10k/s', spec: { rate: 10_000 } }],
  paths: [direct, tracedDirect, tracehare, pipe, haproxy, equal(pipe), equal(haproxy)],
};

/** Confirms cost the broker, whoever asks for them: here everybody does (docs/broker-facts.md#confirms-cost-the-broker). */
const confirming = (path: Path): Path => ({ ...path, load: { ...path.load, confirmWindow: 4000 } });
const confirms: Suite = {
  name: 'confirms',
  loads: [{ name: 'auto-ack, every publish confirmed', spec: {} }],
  paths: [
    { ...tracehare, name: 'tracehare --loss confirms', args: ['--loss', 'confirms'] },
    ...[direct, pipe, haproxy, equal(pipe), equal(haproxy)].map(confirming),
  ],
};

const sizes: Suite = {
  name: 'sizes',
  loads: [100, 1024, 16_384].map((body) => ({ name: `${body} B`, spec: { body, inFlight: body > 4096 ? 500 : 4000 } })),
  paths: [direct, tracehare, pipe, haproxy, equal(haproxy)],
};

const connections: Suite = {
  name: 'connections',
  // enough on the way for each of them to have something to read
  loads: [1, 8, 100, 1000].map((count) => ({
    name: `${count} connection${count === 1 ? '' : 's'}`,
    spec: { connections: count, inFlight: Math.max(4000, count * 50) },
  })),
  paths: [direct, tracehare, pipe, haproxy],
};

const unlimited = ['--metrics-max-topics', '0'];
const topics: Suite = {
  name: 'topics',
  loads: [10, 100, 1000, 10_000].map((count) => ({ name: `${count} topics`, spec: { topics: count } })),
  paths: [direct, { ...tracehare, args: unlimited }, haproxy],
};

/** Nothing that can be switched off is on: no injection, no loss detection, no spans, metrics of one kind. */
const bare = {
  args: ['--loss', 'off', '--no-metrics-open-telemetry-names'],
  env: { OTEL_TRACES_SAMPLER: 'always_off' },
  exports: false,
  config: 'rules:\n  - match: { vhost: "*" }\n    propagate: false\n',
};
const features: Suite = {
  name: 'features',
  loads: [autoAck, confirmAck],
  paths: [
    { ...tracehare, name: 'bypass', args: ['--bypass'] },
    { ...tracehare, ...bare, name: 'everything off' },
    { ...tracehare, ...bare, name: '+ injection', config: '' },
    {
      ...tracehare,
      ...bare,
      name: '+ OpenTelemetry metrics',
      args: ['--loss', 'off'],
    },
    { ...tracehare, ...bare, name: '+ loss returns', args: ['--loss', 'returns', '--no-metrics-open-telemetry-names'] },
    {
      ...tracehare,
      ...bare,
      name: '+ loss confirms',
      args: ['--loss', 'confirms', '--no-metrics-open-telemetry-names'],
    },
    tracehare,
    haproxy,
  ],
};

const sampler = (name: string, argument?: string): Path => ({
  ...tracehare,
  name: `tracehare, ${argument === undefined ? name : `${Number(argument) * 100} % sampled`}`,
  env: { OTEL_TRACES_SAMPLER: name, ...(argument !== undefined && { OTEL_TRACES_SAMPLER_ARG: argument }) },
});
const sampling: Suite = {
  name: 'sampling',
  loads: [
    { name: '10k/s', spec: { rate: 10_000 } },
    { name: 'auto-ack', spec: {} },
  ],
  paths: [
    sampler('always_off'),
    { ...tracehare, name: 'tracehare, default' },
    sampler('traceidratio', '0.01'),
    sampler('traceidratio', '0.1'),
    sampler('always_on'),
  ],
};

/** The same traces, made inside the apps and beside them. */
const instrumented = (name: string, variables: Record<string, string>): Path[] => [
  { name: `apps trace, ${name}`, kind: 'direct', load: { instrumented: true, variables } },
  { name: `tracehare traces, ${name}`, kind: 'tracehare', exports: true, env: variables },
];
const instrumentation: Suite = {
  name: 'instrumentation',
  apps: 'amqplib',
  loads: [autoAck],
  paths: [
    { name: 'apps alone', kind: 'direct' },
    ...instrumented('1 %', { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' }),
    ...instrumented('always on', { OTEL_TRACES_SAMPLER: 'parentbased_always_on' }),
  ],
};

const threads = (count: number): Path => ({
  ...tracehare,
  name: `tracehare --workers ${count}`,
  args: ['--workers', String(count)],
});
const workers: Suite = {
  name: 'workers',
  loads: [8, 100].map((count) => ({ name: `${count} connections`, spec: { connections: count, inFlight: 5000 } })),
  paths: [direct, threads(1), threads(2), haproxy],
};

/** What the thread beside the traffic is busy with must not be felt by the messages. */
const disturbances: Suite = {
  name: 'disturbances',
  loads: [{ name: '2k/s, 500 topics', spec: { rate: 2000, topics: 500 } }],
  paths: [
    direct,
    { ...tracehare, name: 'tracehare, undisturbed' },
    { ...tracehare, name: 'tracehare, scraped', scraped: true },
    {
      ...tracehare,
      name: 'tracehare, endpoint hangs',
      exports: 'hang',
      env: { OTEL_TRACES_SAMPLER: 'always_on' },
    },
  ],
};

const profile: Suite = { name: 'profile', loads: [autoAck, confirmAck], paths: [tracehare] };

/** In lock-step: app and broker are one process, and the proxy is all that is measured (bench/lockstep). */
export const LOCKSTEP = 'lockstep';
export const lockstepPaths: Path[] = present([
  haproxy,
  equal(haproxy),
  { ...tracehare, name: 'bypass', args: ['--bypass'] },
  tracehare,
]);

/** A suite is left out where what it compares with is not there. */
export const suites: Suite[] = [
  goals,
  confirms,
  sizes,
  connections,
  topics,
  features,
  sampling,
  instrumentation,
  workers,
  disturbances,
  profile,
]
  .filter(({ apps }) => apps === undefined || hasInstrumentation())
  .map((suite) => ({ ...suite, paths: present(suite.paths) }));

function present(paths: Path[]): Path[] {
  return paths.filter(({ kind }) => kind !== 'haproxy' || hasHaproxy());
}

function hasInstrumentation(): boolean {
  try {
    import.meta.resolve('@opentelemetry/instrumentation-amqplib');
    return true;
  } catch {
    return false;
  }
}
