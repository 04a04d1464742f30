import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readEvents } from '../testing/event-stream.ts';
import { rss } from '../testing/proc.ts';
import { startRabbitMQ } from '../testing/rabbitmq.ts';
import { startTracehare } from '../testing/tracehare.ts';
import { defaults, type LoadResult, type LoadSpec } from './load/load.ts';

// What the data of the live page costs the sidecar: at a fixed rate, with nobody who looks, with one who has the list of
// topics open, and with one who watches messages as they end. Rounds in turn, for the machine's speed drifts.

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    topics: { type: 'string', default: '5000' },
  },
});
const LOAD = fileURLToPath(new URL('./load/main.ts', import.meta.url));

/** What each kind of reader asks for; nobody asks for nothing. */
const READERS: Record<string, string | undefined> = {
  nobody: undefined,
  topics: '/api/events?of=state,topics&sort=published&limit=120',
  messages: '/api/events?of=state,messages',
};

const broker = await startRabbitMQ();
const sidecar = await startTracehare({
  upstream: `amqp://127.0.0.1:${broker.port}`,
  config: `metrics: { maxTopics: ${values.topics} }\n`,
});
try {
  const spec: LoadSpec = {
    ...defaults,
    topics: Number(values.topics),
    rate: Number(values.rate),
    seconds: Number(values.seconds),
    port: sidecar.port,
    brokerPort: broker.port,
    processes: { sidecar: sidecar.pid },
  };
  console.log('looks      CPU µs/message   resident MiB   received MiB');
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, path] of Object.entries(READERS)) {
      const reader = path === undefined ? undefined : await readEvents(`http://127.0.0.1:${sidecar.adminPort}${path}`);
      const { cpu } = await run(spec);
      const received = JSON.stringify(reader?.events ?? []).length / 1024 ** 2;
      reader?.close();
      const figures = [cpu.sidecar.toFixed(1).padStart(14), rss(sidecar.pid).toFixed(1), received.toFixed(1)];
      console.log(name.padEnd(9), figures.map((each) => each.padStart(14)).join(' '));
    }
  }
} finally {
  await sidecar.stop();
  await broker.stop();
}

async function run(spec: LoadSpec): Promise<LoadResult> {
  const load = spawn(process.execPath, [LOAD, JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = text(load.stdout);
  const [code] = await once(load, 'exit');
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(await said);
}
