import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuTime, rss } from '../testing/proc.ts';
import { end, signal } from '../testing/processes.ts';
import { launch } from './launch.ts';
import { ScriptedBroker } from './lockstep/broker.ts';
import { Link } from './lockstep/link.ts';
import type { TurnLoad } from './lockstep/loads.ts';

// What V8's compiler costs after a start: CPU of the first messages beside that of later ones, on one core.
// Rounds in turn, for the machine's speed drifts; each is a start of its own.

const { values } = parseArgs({
  options: {
    /** messages that one write brings */
    batch: { type: 'string', default: '64,4' },
    load: { type: 'string', default: 'auto-ack,confirms' },
    window: { type: 'string', default: '500000' },
    windows: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    /** the core of the sidecar; the others are the load's */
    core: { type: 'string', default: '0' },
    /** a set of flags of the sidecar each, the first is the one that others are compared with */
    args: { type: 'string', multiple: true, default: [''] },
    /** flags for its Node */
    node: { type: 'string', multiple: true, default: [''] },
    program: { type: 'string', multiple: true, default: [fileURLToPath(new URL('../dist/main.js', import.meta.url))] },
  },
});

interface Way {
  name: string;
  program: string;
  args: string[];
  node: string[];
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const ways: Way[] = values.program.flatMap((program) =>
  values.args.flatMap((args) =>
    values.node.map((node) => ({
      name: [...(values.program.length > 1 ? [program] : []), node, args].join(' ').trim() || 'as it comes',
      program,
      args: words(args),
      node: words(node),
    })),
  ),
);
const window = Number(values.window);

for (const load of values.load.split(',')) {
  for (const batch of values.batch.split(',').map(Number)) {
    console.log(
      `\n${load}, ${batch} messages a read; CPU µs a message by windows of ${window}, medians of ${values.rounds} starts`,
    );
    const samples = new Map<string, number[][]>(ways.map(({ name }) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const way of ways) samples.get(way.name)?.push(await measure(way, batch, load));
    }
    for (const [name, runs] of samples) {
      const of = runs[0].map((_, column) => median(runs.map((run) => run[column])));
      const [start, wall, peak, ...windows] = of;
      const later = windows.at(-1) as number;
      console.log(
        `${name.padEnd(50)} start ${start.toFixed(0)} ms CPU, ${wall.toFixed(0)} ms; ${peak.toFixed(0)} MiB; ` +
          `${windows.map((each) => each.toFixed(2)).join(' ')}; first/later ${(windows[0] / later).toFixed(2)}`,
      );
    }
  }
}

async function measure({ program, args, node }: Way, batch: number, load: string): Promise<number[]> {
  const broker = await ScriptedBroker.start();
  const sidecar = await launch({ program, args, node, core: values.core, upstream: broker.port });
  try {
    const figures = [cpuTime(sidecar.pid) / 1000, sidecar.startup];
    const settles: TurnLoad['settles'] = load === 'confirms' ? 'together' : 'none';
    const way = { port: sidecar.port, injects: true, adds: 'nothing' } as const;
    const link = await Link.open(broker, { name: load, settles, topics: 1, differ: false }, way);
    const windows: number[] = [];
    for (let i = 0; i < Number(values.windows); i++) {
      const before = cpuTime(sidecar.pid);
      const passed = await link.pass(batch, window);
      windows.push((cpuTime(sidecar.pid) - before) / passed);
    }
    figures.push(rss(sidecar.pid), ...windows);
    await link.close();
    return figures;
  } finally {
    signal(sidecar.child, 'SIGTERM');
    await end(sidecar.child);
    await broker.stop();
  }
}

function median(of: number[]): number {
  const sorted = of.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
