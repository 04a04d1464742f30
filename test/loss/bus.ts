import { EventBus } from '../../src/events/bus.ts';
import type { LifecycleEvent } from '../../src/events/lifecycle.ts';
import { LossLog } from '../../src/telemetry/loss/log.ts';
import { observeLosses } from '../../src/telemetry/loss/observe.ts';
import { tell } from '../../testing/passages.ts';

/** The log as it is after these events. */
export function logged(events: LifecycleEvent[], capacity = 1000): LossLog {
  const bus = new EventBus(
    () => 1,
    (error) => {
      throw error;
    },
  );
  const log = new LossLog(capacity);
  observeLosses(bus, log);
  const left = [...events];
  bus.attach({ read: (limit, listener) => left.splice(0, limit).map((event) => tell(listener, event)).length });
  while (bus.pump() === 'more');
  return log;
}
