import { MessageChannel } from 'node:worker_threads';
import { Exposition, type ExpositionOptions } from '../../src/telemetry/exposition/exposition.ts';
import { Recorder, type RecorderOptions } from '../../src/telemetry/recording/recorder.ts';
import { Metrics } from '../../testing/metrics.ts';

export const SHAPE = {
  buckets: { latency: [0.01, 0.1, 1], confirm: [0.02, 0.2], processing: [0.01, 0.05, 60] },
  openTelemetryNames: true,
};

/** All of what a scraper gets. */
export async function textOf({ body }: { body: AsyncIterable<string | Uint8Array> }): Promise<string> {
  let text = '';
  for await (const piece of body) text += typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1');
  return text;
}

export type RigOptions = Partial<RecorderOptions> & Pick<Partial<ExpositionOptions>, 'now' | 'server'>;

/** An Exposition that reads one Recorder, and more of them when asked. */
export function rig(options: RigOptions = {}) {
  const { now, server, ...recording } = options;
  const shape = { ...SHAPE, ...recording };
  const exposition = new Exposition({
    ...shape,
    version: '1.2.3',
    ...(now && { now }),
    ...(server && { server }),
  });
  function thread() {
    const { port1, port2 } = new MessageChannel();
    const recorder = new Recorder({ maxTopics: 500, maxEdges: 1000, idleAfter: 3_600_000, ...shape, port: port2 });
    return { recorder, detach: exposition.attach(port1) };
  }
  return {
    exposition,
    thread,
    ...thread(),
    async scrape(accept?: string): Promise<Metrics> {
      return new Metrics(await textOf(exposition.render(accept)));
    },
  };
}
