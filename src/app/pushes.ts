import { createLogRecords, type LogRecords } from '../telemetry/export/log-records.ts';
import { createMetricPush, type MetricPush } from '../telemetry/export/metrics.ts';
import type { Exposition } from '../telemetry/exposition/exposition.ts';
import { REGISTERED } from '../telemetry/exposition/sidecar-metrics.ts';
import { version } from '../version.ts';
import type { Logger } from './log.ts';

/** Metrics and log records on their way to where the OTEL_* variables want them; nothing is loaded where they want none. */
export class Pushes {
  readonly records: LogRecords;
  readonly #metrics: MetricPush;

  /** `exposition` is asked for once there is one. Rejects with a clear line if the variables are wrong. */
  static async start(log: Logger, instance: string, exposition: () => Exposition): Promise<Pushes> {
    const common = { env: process.env, version, instance, log };
    const [records, metrics] = await Promise.all([
      createLogRecords(common),
      createMetricPush({ ...common, read: () => exposition().readings() }),
    ]);
    return new Pushes(records, metrics);
  }

  private constructor(records: LogRecords, metrics: MetricPush) {
    this.records = records;
    this.#metrics = metrics;
  }

  register(exposition: Exposition): void {
    exposition.register(REGISTERED.metricExports, () =>
      Object.entries(this.#metrics.figures()).map(([result, value]) => ({ labels: { result }, value })),
    );
    exposition.register(REGISTERED.logRecordsExported, () => this.records.figures().exported);
    exposition.register(REGISTERED.logRecordsDropped, () => this.records.figures().dropped);
  }

  /** Sends what there is, for at most five seconds. Never rejects. */
  async shutdown(): Promise<void> {
    await Promise.all([this.records.shutdown(), this.#metrics.shutdown()]);
  }
}
