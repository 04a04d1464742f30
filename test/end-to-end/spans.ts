import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../../testing/otlp.ts';
import { until } from '../../testing/wait.ts';

/** What sidecars and apps export, to be asked for by topic. */
export class Spans {
  readonly receiver: OtlpReceiver;

  private constructor(receiver: OtlpReceiver) {
    this.receiver = receiver;
  }

  static async start(): Promise<Spans> {
    return new Spans(await startOtlpReceiver());
  }

  /** Environment of a sidecar, or of an app with an SDK, that exports here without delay. */
  from(service: string, env: Record<string, string> = {}): Record<string, string> {
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: this.receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: '20',
      OTEL_SERVICE_NAME: service,
      ...env,
    };
  }

  /** So far, from sidecars. */
  of(topic: string): ReceivedSpan[] {
    return this.receiver.spans.filter(
      ({ scope, attributes }) => scope === 'tracehare' && attributes['messaging.destination.template'] === topic,
    );
  }

  /** Waits for so many of the topic at least; all there are then, in the order of their starts. */
  async all(topic: string, count: number): Promise<ReceivedSpan[]> {
    await until(
      () => this.of(topic).length >= count,
      () => `${count} spans of ${topic} have come, not ${this.of(topic).length}`,
    );
    return this.of(topic).toSorted((a, b) => Number(a.start - b.start));
  }

  stop(): Promise<void> {
    return this.receiver.close();
  }
}
