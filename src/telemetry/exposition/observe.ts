import type { EventBus } from '../../events/bus.ts';
import { CONFIRMED, type Passage, SAMPLED } from '../../events/passage.ts';
import type { Exposition } from './exposition.ts';

/** Traces of sampled messages as exemplars on the histograms they were counted in. */
export function observeExemplars(bus: EventBus, exposition: Exposition): void {
  bus.onPassage((passage) => {
    const { names, bits, latency, startedAt, endedAt } = passage;
    if ((bits & SAMPLED) === 0) return;
    const seconds = (endedAt - startedAt) / 1e6;
    if (names.via === 'publish') {
      if ((bits & CONFIRMED) !== 0) exposition.noteConfirm(names, seconds, passage, endedAt / 1e6);
      return;
    }
    if (!Number.isNaN(latency)) exposition.noteLatency(names, latency, passage, startedAt / 1e6);
    if (processed(passage)) exposition.noteProcessing(names, seconds, passage, endedAt / 1e6);
  });
}

/** Counted in event_processing_seconds: settled by the app, and not back to its queue. */
function processed({ settlement, outcome }: Passage): boolean {
  return outcome !== 'requeued' && (settlement === 'ack' || settlement === 'reject' || settlement === 'nack');
}
