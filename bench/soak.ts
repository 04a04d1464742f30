import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { connect } from 'amqplib';
import { startRabbitMQ } from '../testing/rabbitmq.ts';
import { defaults, type LoadSpec } from './load/load.ts';
import { rss } from './load/processes.ts';
import { startPath } from './run/paths.ts';
import { tracehare } from './run/plan.ts';
import { startSink } from './run/sink.ts';

// Whether Tracehare grows: steady traffic, every message traced, and once a second an app that
// connects, uses a queue and a topic of its own, and leaves. Prints its resident set once a minute.

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '500' },
  },
});
const minutes = Number(values.minutes);
const LOAD = fileURLToPath(new URL('./load/main.ts', import.meta.url));

const sink = await startSink();
const broker = await startRabbitMQ();
const env = { OTEL_TRACES_SAMPLER: 'always_on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.url };
// names that are used no more are freed while it lasts, not after an hour
const config = 'metrics: { idleAfter: 5m }\n';
const sidecar = await startPath({ ...tracehare, env, config }, { brokerPort: broker.port, batch: false });
let apps = 0;
try {
  const spec: LoadSpec = {
    ...defaults,
    connections: 8,
    rate: Number(values.rate),
    seconds: minutes * 60,
    port: sidecar.port,
    brokerPort: broker.port,
  };
  const load = spawn(process.execPath, [LOAD, JSON.stringify(spec)], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(load, 'exit');
  const churning = setInterval(() => void visit().catch((error) => console.error(`an app: ${error.message}`)), 1000);
  const seen: number[] = [];
  const watching = setInterval(() => {
    seen.push(rss(sidecar.pid as number));
    console.log(`${String(seen.length).padStart(4)} min  ${seen.at(-1)?.toFixed(1)} MiB  ${apps} apps came and went`);
  }, 60_000);
  const [code] = await ended;
  clearInterval(churning);
  clearInterval(watching);
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  const half = seen.slice(Math.floor(seen.length / 2));
  const growth = (half.at(-1) ?? Number.NaN) - half[0];
  console.log(`over the second half: ${growth.toFixed(1)} MiB; highest ${Math.max(...seen).toFixed(1)} MiB`);
} finally {
  await sidecar.stop();
  await broker.stop();
  await sink.stop();
}

/** An app that is there once only, with names of its own. */
async function visit(): Promise<void> {
  const app = await connect(`amqp://127.0.0.1:${sidecar.port}`);
  try {
    const channel = await app.createChannel();
    const queue = `visitor-${++apps}-is-here`;
    await channel.assertQueue(queue, { exclusive: true });
    for (let i = 0; i < 10; i++) channel.sendToQueue(queue, Buffer.from('hello'));
    channel.publish('', `nobody-${apps}-is-there`, Buffer.from('lost'));
    let received = 0;
    await new Promise<void>((resolve) => {
      void channel.consume(queue, (message) => {
        if (message !== null) channel.ack(message);
        if (++received === 10) resolve();
      });
    });
  } finally {
    await app.close();
  }
}
