import type { ChildProcess } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../testing/folder.ts';
import { startOtlpReceiver } from '../../testing/otlp.ts';
import { end, signal, start } from '../../testing/processes.ts';
import { type Prometheus, startPrometheus } from '../../testing/prometheus.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';

/** What goes wrong, when. Beside it the demo's own: wrong routing keys, rejects, requeues. */
const SCRIPT: { at: number; what: string; act(run: Cast): Promise<unknown> | unknown }[] = [
  { at: 45, what: 'a reload with a fault: deliveries of orders are late', act: ({ configure }) => configure(LATE) },
  { at: 75, what: 'the payment service stands still', act: ({ payment }) => signal(payment, 'SIGSTOP') },
  { at: 83, what: 'and goes on', act: ({ payment }) => signal(payment, 'SIGCONT') },
  {
    at: 110,
    what: 'the broker runs out of memory and blocks publishers',
    act: ({ broker }) => broker.ctl('set_vm_memory_high_watermark', '0.000001'),
  },
  {
    at: 118,
    what: 'and has memory again',
    act: ({ broker }) => broker.ctl('set_vm_memory_high_watermark', 'absolute', '64GB'),
  },
];

const QUIET = 'faults: { enabled: true }\n';
const LATE = `${QUIET}
rules:
  - match: { queue: payment.orders }
    faults: [{ type: latency, for: 15s, attributes: { latency: 400ms, jitter: 200ms } }]
`;

interface Cast {
  broker: RabbitMQ;
  payment: ChildProcess;
  /** Gives both sidecars a configuration; they see it by themselves. */
  configure(content: string): void;
}

/**
 * The demo's apps and sidecars with a Prometheus beside them, for `seconds`; `then` is called with what
 * Prometheus has of it, while all is still running.
 */
export async function withDemo(seconds: number, then: (prometheus: Prometheus) => Promise<void>): Promise<void> {
  const ending: (() => Promise<unknown>)[] = [];
  try {
    const broker = await startRabbitMQ();
    ending.push(() => broker.stop());
    const traces = await startOtlpReceiver();
    ending.push(() => traces.close());
    const folder = temporaryFolder('plots');
    ending.push(async () => folder.remove());
    const file = join(folder.path, 'tracehare.yaml');
    const configure = (content: string) => writeFileSync(file, content);
    configure(QUIET);
    const apps: ChildProcess[] = [];
    const admins: string[] = [];
    for (const name of ['mail-service', 'payment-service', 'order-service']) {
      const sidecar = await startTracehare({
        upstream: `amqp://127.0.0.1:${broker.port}`,
        // with confirms of their own there are some of every topic
        args: ['--pipeline', 'shop', '--loss', 'confirms', '--config', file],
        env: { OTEL_SERVICE_NAME: name, OTEL_EXPORTER_OTLP_ENDPOINT: traces.url },
      });
      ending.push(() => sidecar.stop());
      admins.push(`127.0.0.1:${sidecar.adminPort}`);
      const app = start(process.execPath, [fileURLToPath(new URL(`../../src/demo/apps/${name}.ts`, import.meta.url))], {
        env: { ...process.env, AMQP_URL: `amqp://guest:guest@127.0.0.1:${sidecar.port}` },
        stdio: 'ignore',
      });
      ending.push(() => {
        signal(app, 'SIGTERM');
        return end(app);
      });
      apps.push(app);
    }
    const prometheus = await startPrometheus({ targets: admins, rules: rules(), exemplars: true });
    ending.push(() => prometheus.stop());
    const began = Date.now();
    const until = (at: number) => pause(Math.max(0, began + at * 1000 - Date.now()));
    for (const { at, what, act } of SCRIPT) {
      await until(at);
      console.log(`${at} s: ${what}`);
      await act({ broker, payment: apps[1], configure });
    }
    await until(seconds);
    await then(prometheus);
  } finally {
    for (const end of ending.reverse()) await end();
  }
}

function rules(): string[] {
  const folder = new URL('../prometheus/rules/', import.meta.url);
  return readdirSync(folder).map((name) => fileURLToPath(new URL(name, folder)));
}
