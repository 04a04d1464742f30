import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startRabbitMQ } from '../testing/rabbitmq.ts';
import { defaults, type LoadResult, type LoadSpec } from './load/load.ts';
import { type Path, type RunningPath, startPath } from './run/paths.ts';
import { direct, type Load } from './run/plan.ts';
import { type Figure, ratios, type Sample, spread, valuesOf } from './run/samples.ts';

// What each loss mode costs, sidecar and broker, as docs/loss.md has it. Build first.
//   node bench/loss-modes.ts [rounds]

const LOAD = fileURLToPath(new URL('./load/main.ts', import.meta.url));
const rounds = Number(process.argv[2] ?? 9);
const modes = ['off', 'returns', 'confirms'];
const paths: Path[] = [
  direct,
  ...modes.map((mode): Path => ({ name: `--loss ${mode}`, kind: 'tracehare', args: ['--loss', mode] })),
];
const loads: Load[] = [
  { name: 'without confirms of its own, as fast as it goes', spec: {} },
  { name: 'without confirms of its own, 5,000 messages a second', spec: { rate: 5000 } },
  { name: 'with confirms of its own, as fast as it goes', spec: { ack: 'manual', confirmWindow: 200 } },
];

const broker = await startRabbitMQ();
const running: RunningPath[] = [];
const samples: Sample[] = [];
try {
  for (const path of paths) running.push(await startPath(path, { brokerPort: broker.port, batch: false }));
  for (const load of loads) {
    for (let round = 0; round < rounds; round++) {
      // back and forth, so that what drifts weighs on all alike
      for (const { path, port, pid } of round % 2 === 0 ? running : running.toReversed()) {
        const processes = { broker: broker.pid(), ...(pid !== undefined && { proxy: pid }) };
        const spec = { ...defaults, warmup: 0.5, seconds: 2, ...load.spec, port, brokerPort: broker.port, processes };
        samples.push({ suite: 'loss', load: load.name, path: path.name, round, result: await run(spec), exported: 0 });
      }
    }
  }
} finally {
  await Promise.all(running.map((each) => each.stop()));
  await broker.stop();
}

const perSecond: Figure = ({ messagesPerSecond }) => messagesPerSecond;
const cpuOf =
  (name: string): Figure =>
  ({ cpu }) =>
    cpu[name];

for (const { name, spec } of loads) {
  const of = (path: string): Sample[] => samples.filter((each) => each.load === name && each.path === path);
  const median = (path: string, figure: Figure): number => spread(valuesOf(of(path), figure)).median;
  /** To the same with `off`, in pairs of one round. */
  const relative = (path: string, figure: Figure): string =>
    `${spread(ratios(of(path), of('--loss off'), figure)).median.toFixed(2)} ×`;
  console.log(`\nA publisher ${name}:\n`);
  console.log('| | messages a second | sidecar, µs of CPU a message | broker, µs of CPU a message |');
  console.log('| --- | --- | --- | --- |');
  for (const { path } of running) {
    const cells = [
      spec.rate ? median(path.name, perSecond).toFixed(0) : withRatio(path.name, perSecond, 0),
      path.kind === 'direct' ? '' : withRatio(path.name, cpuOf('proxy'), 1),
      withRatio(path.name, cpuOf('broker'), 1),
    ];
    console.log(`| ${path.kind === 'direct' ? path.name : `\`${path.name}\``} | ${cells.join(' | ')} |`);
  }
  function withRatio(path: string, figure: Figure, digits: number): string {
    return `${median(path, figure).toFixed(digits)} (${relative(path, figure)})`;
  }
}

async function run(spec: LoadSpec): Promise<LoadResult> {
  const child = spawn(process.execPath, [LOAD, JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output);
}
