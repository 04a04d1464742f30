import { Metrics } from '../../testing/metrics.ts';
import { cpuTime } from '../../testing/proc.ts';
import { until } from '../../testing/wait.ts';
import { type Path, type PathOptions, type RunningPath, startPath } from '../run/paths.ts';
import { ScriptedBroker } from './broker.ts';
import { Link } from './link.ts';
import { SIZES, type TurnLoad, turnLoads } from './loads.ts';

/** So many turns of so many messages on one path. */
export interface TurnSample {
  load: string;
  path: string;
  /** figures of the same round are comparable with each other */
  round: number;
  /** messages a turn */
  size: number;
  turns: number;
  /** microseconds of CPU of the proxy, all threads, a turn */
  cpu: number;
}

export interface MeasureOptions extends Omit<PathOptions, 'brokerPort'> {
  loads?: TurnLoad[];
  sizes?: number[];
  rounds: number;
  /** of one sample */
  milliseconds: number;
  /** messages of each load that pass before anything is measured */
  warmup: number;
  progress?(sample: TurnSample): void;
}

/** As many as a read brings, which is what the plane is compiled for. */
const WARM_SIZE = 256;
const WARM_MS = 100;

/** Every load on every path in turn, app and broker being this process. What is lost or altered fails the run. */
export async function measureTurns(paths: Path[], options: MeasureOptions): Promise<TurnSample[]> {
  const broker = await ScriptedBroker.start();
  const running: RunningPath[] = [];
  const samples: TurnSample[] = [];
  const passed = new Map<RunningPath, number>();
  try {
    for (const path of paths) running.push(await startPath(path, { ...options, brokerPort: broker.port }));
    for (const load of options.loads ?? turnLoads) {
      const links = new Map<RunningPath, Link>();
      for (const each of running) links.set(each, await named(each, load, Link.open(broker, load, wayOf(each))));
      for (const [each, link] of links) {
        if (each.path.kind === 'haproxy') continue;
        while (link.messages < options.warmup) await named(each, load, link.turns(WARM_SIZE, WARM_MS));
      }
      samples.push(...(await rounds(links, load, options)));
      for (const [each, link] of links) {
        await named(each, load, link.close());
        passed.set(each, (passed.get(each) ?? 0) + link.messages);
      }
    }
    for (const [each, messages] of passed) if (injects(each.path)) await agree(each, messages);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
    await broker.stop();
  }
  return samples;
}

async function rounds(
  links: Map<RunningPath, Link>,
  load: TurnLoad,
  { rounds, sizes = SIZES, milliseconds, progress }: MeasureOptions,
): Promise<TurnSample[]> {
  const samples: TurnSample[] = [];
  // the first one is thrown away: turns of each size are compiled for, too
  for (let round = -1; round < rounds; round++) {
    for (const size of sizes) {
      // back and forth, so that what drifts weighs on all alike
      for (const [each, link] of round % 2 === 0 ? links : [...links].toReversed()) {
        const pid = each.pid as number;
        const before = cpuTime(pid);
        const turns = await named(each, load, link.turns(size, milliseconds));
        const cpu = (cpuTime(pid) - before) / turns;
        if (round < 0) continue;
        const sample = { load: load.name, path: each.path.name, round, size, turns, cpu };
        samples.push(sample);
        progress?.(sample);
      }
    }
  }
  return samples;
}

const injects = ({ kind, args = [] }: Path): boolean => kind === 'tracehare' && !args.includes('--bypass');

const wayOf = ({ path, port }: RunningPath) => ({ port, injects: injects(path), adds: path.load?.adds ?? 'nothing' });

/** The proxy's own figures say what passed. */
async function agree({ path, admin }: RunningPath, messages: number): Promise<void> {
  let counts: Record<string, number> = {};
  const isAgreed = async (): Promise<boolean> => {
    const metrics = new Metrics(await (await fetch(`${admin}/metrics`)).text());
    const of = (side: string): number => metrics.sum('event_throughput_total', { side });
    counts = { published: of('publish'), delivered: of('consume') };
    return Object.values(counts).every((count) => count === messages);
  };
  await until(isAgreed, () => `${path.name} has counted ${messages} on each side, not ${JSON.stringify(counts)}`);
}

/** What fails, fails on a path and under a load. */
async function named<T>({ path }: RunningPath, load: TurnLoad, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new Error(`lock-step: ${path.name}, ${load.name}: ${(error as Error).message}`, { cause: error });
  }
}
