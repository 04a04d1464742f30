import { readdirSync, readFileSync } from 'node:fs';
import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { type ReceivedPoint, type SignalReceiver, startSignalReceiver } from '../../testing/otlp-signals.ts';
import { freePorts } from '../../testing/ports.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import type { Reading } from './slope.ts';

const TOKEN = 'soak';
const MIB = 2 ** 20;

/** A broker, and a sidecar in front of it that is replaced now and then: its figures are those of all its lives. */
export class World {
  readonly broker: RabbitMQ;
  readonly memory: Reading[] = [];
  readonly descriptors: Reading[] = [];
  /** the last of what each sidecar told before it ended */
  readonly lives: ReceivedPoint[][] = [];
  sidecar: Tracehare;
  /** descriptors of this sidecar before an app came */
  atFirst = 0;
  readonly #listen: string;
  readonly #metrics: SignalReceiver;
  readonly #spans: OtlpReceiver;
  readonly #began = performance.now();

  private constructor(
    broker: RabbitMQ,
    sidecar: Tracehare,
    listen: string,
    metrics: SignalReceiver,
    spans: OtlpReceiver,
  ) {
    this.broker = broker;
    this.sidecar = sidecar;
    this.#listen = listen;
    this.#metrics = metrics;
    this.#spans = spans;
    this.atFirst = descriptorsOf(sidecar.pid);
  }

  static async start(queues: readonly string[]): Promise<World> {
    const [broker, metrics, spans] = await Promise.all([startRabbitMQ(), startSignalReceiver(), startOtlpReceiver()]);
    for (const queue of queues) await broker.management.call('PUT', `queues/%2F/${queue}`, { durable: true });
    const listen = `127.0.0.1:${(await freePorts(1))[0]}`;
    const sidecar = await startSidecar(listen, broker, metrics, spans);
    return new World(broker, sidecar, listen, metrics, spans);
  }

  get url(): string {
    return `amqp://guest:guest@${this.#listen}/?heartbeat=5`;
  }

  get minutes(): number {
    return (performance.now() - this.#began) / 60_000;
  }

  /** Memory and descriptors of the sidecar now. */
  read(): void {
    const { pid } = this.sidecar;
    const where = { life: this.lives.length, minutes: this.minutes };
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    this.memory.push({ ...where, value: (Number(resident) * 1024) / MIB });
    this.descriptors.push({ ...where, value: descriptorsOf(pid) });
    // what is told is held against the apps at the end only
    this.#spans.spans.length = 0;
    this.#metrics.metrics.splice(0, this.#metrics.metrics.length - 1);
  }

  get openDescriptors(): number {
    return descriptorsOf(this.sidecar.pid);
  }

  /** Ends the sidecar in order; what it told last is kept. */
  async endSidecar(): Promise<void> {
    const code = await this.sidecar.stop();
    if (code !== 0) throw new Error(`the sidecar ended with ${code}: ${JSON.stringify(this.sidecar.log.slice(-5))}`);
    this.lives.push(this.#metrics.metrics.splice(0).at(-1) ?? []);
  }

  async replaceSidecar(): Promise<void> {
    await this.endSidecar();
    this.sidecar = await startSidecar(this.#listen, this.broker, this.#metrics, this.#spans);
    this.atFirst = descriptorsOf(this.sidecar.pid);
  }

  /** In the words of the HTTP API. */
  async addFault(fault: object): Promise<void> {
    const answer = await until(async () => {
      const answer = await this.#change('POST', fault);
      // a request whose head takes seconds on a machine that stands still is not waited for
      return answer.status !== 408 && answer;
    }, 'a fault is added');
    if (answer.status === 201) return;
    throw new Error(`${JSON.stringify(fault)} is refused: ${answer.status} ${await answer.text()}`);
  }

  async endFaults(): Promise<void> {
    await this.#change('DELETE');
  }

  #change(method: string, body?: object): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.sidecar.adminPort}/api/faults`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  /** Sum over all lives that have ended. */
  sum(name: string, attributes: Record<string, string>): number {
    const fits = (point: ReceivedPoint) =>
      point.name === name && Object.entries(attributes).every(([key, value]) => point.attributes[key] === value);
    return this.lives.reduce(
      (total, life) => total + life.filter(fits).reduce((sum, { value = 0 }) => sum + value, 0),
      0,
    );
  }

  async stop(): Promise<void> {
    await this.sidecar.kill();
    await this.broker.stop();
    await this.#metrics.close();
    await this.#spans.close();
  }
}

function startSidecar(listen: string, broker: RabbitMQ, metrics: SignalReceiver, spans: OtlpReceiver) {
  return startTracehare({
    listen,
    upstream: `amqp://127.0.0.1:${broker.port}`,
    config: `faults: { enabled: true }\nadmin: { token: ${TOKEN} }\n`,
    env: {
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${spans.url}/v1/traces`,
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${metrics.url}/v1/metrics`,
      OTEL_METRIC_EXPORT_INTERVAL: '10000',
    },
  });
}

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
