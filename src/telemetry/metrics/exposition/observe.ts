import type { EventBus } from '../../../events/bus.ts';
import type { DeliveryEnded } from '../../../events/lifecycle.ts';
import type { Exposition } from './exposition.ts';

/** Traces of sampled messages as exemplars on the histograms they were counted in. */
export function observeExemplars(bus: EventBus, exposition: Exposition): void {
  bus.on('publish.ended', (event) => {
    if (!event.sampled || !event.confirmed) return;
    const { traceId, spanId, startedAt, endedAt, topic, pipeline } = event;
    const context = { traceId, spanId, at: endedAt / 1e6 };
    exposition.noteConfirm(topic, pipeline, (endedAt - startedAt) / 1e6, context);
  });
  bus.on('delivery.ended', (event) => {
    if (!event.sampled) return;
    const { traceId, spanId, startedAt, endedAt, topic, pipeline, queue, latency } = event;
    if (!Number.isNaN(latency)) {
      exposition.noteLatency(topic, pipeline, latency, { traceId, spanId, at: startedAt / 1e6 });
    }
    if (processed(event)) {
      const context = { traceId, spanId, at: endedAt / 1e6 };
      exposition.noteProcessing(topic, pipeline, queue, (endedAt - startedAt) / 1e6, context);
    }
  });
}

/** Counted in event_processing_seconds: settled by the app, and not back to its queue. */
function processed({ settlement, outcome }: DeliveryEnded): boolean {
  return outcome !== 'requeued' && (settlement === 'ack' || settlement === 'reject' || settlement === 'nack');
}
