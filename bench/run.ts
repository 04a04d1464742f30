import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type RabbitMQ, startRabbitMQ } from '../testing/rabbitmq.ts';
import { defaults, type LoadResult, type LoadSpec } from './load/load.ts';
import { turnLoads } from './lockstep/loads.ts';
import { measureTurns } from './lockstep/measure.ts';
import { printProfile, profilesIn } from './profile.ts';
import { judge } from './run/goals.ts';
import { type Path, type RunningPath, startPath } from './run/paths.ts';
import { LOCKSTEP, type Load, lockstepPaths, type Suite, suites } from './run/plan.ts';
import { render, renderStartup, tables } from './run/report.ts';
import type { Results, Sample } from './run/samples.ts';
import { startSink } from './run/sink.ts';

// Tracehare beside its peers, interleaved, on a RabbitMQ of its own. docs/performance.md says how
// to read what it prints.

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    /** all but the quick ones only when asked for */
    suite: { type: 'string' },
    load: { type: 'string', default: '' },
    path: { type: 'string', default: '' },
    rounds: { type: 'string' },
    warmup: { type: 'string' },
    seconds: { type: 'string' },
    batch: { type: 'boolean', default: false },
    /** flags for every Tracehare, in one string */
    args: { type: 'string', default: '' },
    /** and for its Node */
    node: { type: 'string', default: '' },
    /** another build of Tracehare, its main.js, as a path of its own */
    against: { type: 'string' },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

const APPS = {
  load: fileURLToPath(new URL('./load/main.ts', import.meta.url)),
  amqplib: fileURLToPath(new URL('./apps/amqplib.ts', import.meta.url)),
};
const rounds = Number(values.rounds ?? (values.quick ? 2 : values.profile ? 3 : 5));
const times = {
  warmup: Number(values.warmup ?? (values.quick ? 0.2 : 1)),
  seconds: Number(values.seconds ?? (values.quick ? 0.8 : 3)),
};
/** seconds each path is under each load before anything is measured */
const settling = values.quick ? 0.8 : 6;
const profile = values.profile ? mkdtempSync(join(tmpdir(), 'tracehare-profile-')) : undefined;
const nodeFlags = values.node.split(' ').filter((flag) => flag !== '');
const results: Results = { about: about(), startup: {}, samples: [], turns: [] };

const sink = await startSink();
const hanging = await startSink(false);
try {
  const names = chosen();
  if (names.includes(LOCKSTEP)) await runLockstep();
  const withBroker = suites.filter(({ name }) => names.includes(name));
  if (withBroker.length > 0) await runSuites(withBroker);
} finally {
  await sink.stop();
  await hanging.stop();
}
report();

/** Names of suites. */
function chosen(): string[] {
  const known = [LOCKSTEP, ...suites.map(({ name }) => name)];
  if (values.suite === undefined) {
    if (values.quick) return [LOCKSTEP, 'goals'];
    return values.profile ? ['profile'] : known.filter((name) => name !== 'profile');
  }
  const names = values.suite.split(',');
  for (const name of names) if (!known.includes(name)) throw new Error(`no suite ${name}: ${known.join(', ')}`);
  return names;
}

/** Paths with all their variants, and those of a suite's loads, that the command line asks for. */
function wanted(paths: Path[]): Path[] {
  return paths.flatMap(variants).filter(({ name }) => new RegExp(values.path).test(name));
}

function wantedLoads<T extends { name: string }>(loads: T[]): T[] {
  return loads.filter(({ name }) => new RegExp(values.load).test(name));
}

/** A turn is short: it takes a tenth of the time that other figures take, and bears more rounds. */
async function runLockstep(): Promise<void> {
  results.turns = await measureTurns(wanted(lockstepPaths), {
    batch: values.batch,
    profile,
    node: nodeFlags,
    loads: wantedLoads(turnLoads),
    rounds: Number(values.rounds ?? (values.quick ? 3 : 9)),
    milliseconds: times.seconds * 100,
    warmup: 500_000,
    progress: ({ load, path, size, round, cpu }) =>
      progress(`${LOCKSTEP}: ${load}, round ${round + 1}, ${path}, k = ${size}: ${cpu.toFixed(0)} µs`),
  });
}

async function runSuites(chosen: Suite[]): Promise<void> {
  const broker = await startRabbitMQ();
  try {
    for (const suite of chosen) {
      await runSuite({ ...suite, loads: wantedLoads(suite.loads), paths: wanted(suite.paths) }, broker);
    }
  } finally {
    await broker.stop();
  }
}

/** As the command line wants it: with more flags, and beside another build. */
function variants(path: Path): Path[] {
  if (path.kind !== 'tracehare') return [path];
  const args = [...(path.args ?? []), ...values.args.split(' ').filter((flag) => flag !== '')];
  const endpoint = path.exports === 'hang' ? hanging.url : sink.url;
  const env = { ...(path.exports && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }), ...path.env };
  const mine = { ...path, args, env };
  return values.against === undefined
    ? [mine]
    : [mine, { ...mine, name: `${path.name}, other`, program: values.against }];
}

async function runSuite(
  { name: suite, apps, loads, paths }: Suite,
  { port: brokerPort, pid }: RabbitMQ,
): Promise<void> {
  const program = APPS[apps ?? 'load'];
  const running: RunningPath[] = [];
  try {
    for (const path of paths)
      running.push(await startPath(path, { brokerPort, batch: values.batch, profile, node: nodeFlags }));
    for (const { path, startup } of running) {
      if (startup !== undefined) results.startup[path.name] = [...(results.startup[path.name] ?? []), startup];
    }
    for (const load of loads) {
      for (const { path, port } of running.filter(compilesWhileItRuns)) {
        await runLoad(program, { ...specOf(load, path, port, brokerPort), seconds: settling });
      }
      for (let round = 0; round < rounds; round++) {
        // back and forth, so that what drifts weighs on all alike
        for (const { path, port, pid: proxy, admin } of round % 2 === 0 ? running : running.toReversed()) {
          const processes = { broker: pid(), ...(proxy !== undefined && { proxy }) };
          const spec = { ...specOf(load, path, port, brokerPort), processes };
          const before = sink.received();
          const stopScraping = path.scraped ? scrape(`${admin}/metrics`) : () => {};
          const result = await runLoad(program, spec).finally(stopScraping);
          const exported = sink.received() - before;
          const sample: Sample = { suite, load: load.name, path: path.name, round, result, exported };
          results.samples.push(sample);
          tell(sample);
        }
      }
    }
  } finally {
    await Promise.all(running.map((each) => each.stop()));
  }
}

/** It is dear for its first half a million messages, and then never again: that is not what is to be measured. */
function compilesWhileItRuns({ path: { kind } }: RunningPath): boolean {
  return kind === 'tracehare' || kind === 'pipe';
}

function specOf(load: Load, path: Path, port: number, brokerPort: number): LoadSpec {
  return { ...defaults, ...times, ...load.spec, ...path.load, port, brokerPort };
}

async function runLoad(program: string, spec: LoadSpec): Promise<LoadResult> {
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...spec.variables };
  const child = spawn(process.execPath, [program, JSON.stringify(spec)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output);
}

function scrape(url: string): () => void {
  const timer = setInterval(() => {
    fetch(url)
      .then((response) => response.arrayBuffer())
      .catch(() => {});
  }, 500);
  return () => clearInterval(timer);
}

function tell({ suite, load, path, round, result }: Sample): void {
  const figure = result.latency
    ? `p50 ${result.latency.p50.toFixed(0)} µs`
    : `${result.messagesPerSecond.toFixed(0)}/s`;
  progress(`${suite}: ${load}, round ${round + 1}/${rounds}, ${path}: ${figure}`);
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

function about(): Results['about'] {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const output = (program: string, ...args: string[]): string => {
    try {
      return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0];
    } catch {
      return 'none';
    }
  };
  return {
    date: new Date().toISOString(),
    tracehare: version,
    commit: output('git', 'rev-parse', '--short', 'HEAD'),
    node: process.version,
    haproxy: output('haproxy', '-v').replace(/ - .*/, ''),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    batch: values.batch,
    rounds,
    ...times,
  };
}

function report(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  for (const table of tables(results)) console.log(`${render(table, false)}\n`);
  console.log(renderStartup(results));
  for (const line of judge(results)) console.log(line);
  const stamp = String(results.about.date).replace(/[:.]/g, '-');
  const file = values.out ?? fileURLToPath(new URL(`./results/${stamp}.json`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`\nwritten to ${file}; into docs/performance.md: node bench/docs.ts ${file}`);
  if (profile !== undefined) for (const each of profilesIn(profile)) printProfile(each);
}
