import { type OtlpReceiver, startOtlpReceiver } from '../../testing/otlp.ts';
import { type ReceivedPoint, type SignalReceiver, startSignalReceiver } from '../../testing/otlp-signals.ts';
import { freePort } from '../../testing/ports.ts';
import { openDescriptors, rss } from '../../testing/proc.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import type { Reading } from './slope.ts';

const TOKEN = 'soak';

/** Where apps connect: a sidecar, which may be replaced; the figures are those of all its lives. */
export class Entrance {
  readonly memory: Reading[] = [];
  readonly descriptors: Reading[] = [];
  /** the last of what each sidecar told before it ended */
  readonly lives: ReceivedPoint[][] = [];
  sidecar: Tracehare;
  /** descriptors of this sidecar before an app came */
  atFirst: number;
  readonly #launch: () => Promise<Tracehare>;
  readonly #listen: string;
  readonly #metrics: SignalReceiver;
  readonly #spans: OtlpReceiver;

  private constructor(
    sidecar: Tracehare,
    launch: () => Promise<Tracehare>,
    listen: string,
    metrics: SignalReceiver,
    spans: OtlpReceiver,
  ) {
    this.sidecar = sidecar;
    this.atFirst = openDescriptors(sidecar.pid);
    this.#launch = launch;
    this.#listen = listen;
    this.#metrics = metrics;
    this.#spans = spans;
  }

  static async open(brokerPort: number): Promise<Entrance> {
    const [metrics, spans] = await Promise.all([startSignalReceiver(), startOtlpReceiver()]);
    const listen = `127.0.0.1:${await freePort()}`;
    const launch = () => startSidecar(listen, brokerPort, metrics, spans);
    return new Entrance(await launch(), launch, listen, metrics, spans);
  }

  get url(): string {
    return `amqp://guest:guest@${this.#listen}/?heartbeat=5`;
  }

  /** Memory and descriptors of the sidecar now, unless it has just ended. */
  read(minutes: number): void {
    const { pid } = this.sidecar;
    try {
      const memory = rss(pid);
      if (Number.isNaN(memory)) return;
      const descriptors = openDescriptors(pid);
      this.memory.push({ life: pid, minutes, value: memory });
      this.descriptors.push({ life: pid, minutes, value: descriptors });
    } catch {}
    // what is told is held against the apps at the end only
    this.#spans.spans.length = 0;
    this.#metrics.metrics.splice(0, this.#metrics.metrics.length - 1);
    this.#metrics.headers.length = this.#metrics.resources.length = 0;
  }

  get openDescriptors(): number {
    return openDescriptors(this.sidecar.pid);
  }

  /** Ends the sidecar in order; what it told last is kept. */
  async end(): Promise<void> {
    const code = await this.sidecar.stop();
    if (code !== 0) throw new Error(`the sidecar ended with ${code}: ${JSON.stringify(this.sidecar.log.slice(-5))}`);
    this.lives.push(this.#metrics.metrics.splice(0).at(-1) ?? []);
  }

  async replace(): Promise<void> {
    await this.end();
    this.sidecar = await this.#launch();
    this.atFirst = openDescriptors(this.sidecar.pid);
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
    await this.#metrics.close();
    await this.#spans.close();
  }
}

function startSidecar(listen: string, brokerPort: number, metrics: SignalReceiver, spans: OtlpReceiver) {
  return startTracehare({
    listen,
    upstream: `amqp://127.0.0.1:${brokerPort}`,
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
