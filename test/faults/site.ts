import { connect } from 'amqplib';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';

/** A sidecar whose faults strike the messages of queues by name, and its vhost. */
export interface Site {
  vhost: Vhost;
  sidecar: Tracehare;
  /** through the sidecar */
  url: string;
  /** Empties the queue past the sidecar: bodies, in order. */
  stored(queue: string): Promise<string[]>;
  /** Publishes past the sidecar, and waits until it is there. */
  store(queue: string, bodies: string[]): Promise<void>;
  /** success, failed (all of them lost by a fault) and unknown of a topic, once they add up to `total`. */
  outcomes(topic: string, total: number): Promise<{ success: number; fault: number; unknown: number }>;
  stop(): Promise<void>;
}

/** `queues` are declared past the sidecar. */
export async function startSite(queues: string[], config: string, args: string[] = [], env = {}): Promise<Site> {
  const vhost = await createVhost();
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, config, args, env });
  const model = await connect(vhost.url());
  const channel = await model.createConfirmChannel();
  for (const queue of queues) await channel.assertQueue(queue);
  return {
    vhost,
    sidecar,
    url: vhost.url(sidecar.port),
    async stored(queue) {
      const bodies: string[] = [];
      for (;;) {
        const message = await channel.get(queue, { noAck: true });
        if (message === false) return bodies;
        bodies.push(message.content.toString());
      }
    },
    async store(queue, bodies) {
      for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body));
      await channel.waitForConfirms();
    },
    outcomes: (topic, total) =>
      until(async () => {
        const metrics = await sidecar.metrics();
        const figures = {
          success: metrics.sum('event_throughput_total', { topic, side: 'publish', status: 'success' }),
          fault: metrics.sum('event_lost_total', { topic, side: 'publish', reason: 'fault' }),
          unknown: metrics.sum('event_unknown_total', { topic, side: 'publish' }),
        };
        const failed = metrics.sum('event_throughput_total', { topic, side: 'publish', status: 'failed' });
        return failed === figures.fault && figures.success + failed + figures.unknown === total && figures;
      }, `${total} publishes of ${topic} have their outcome`),
    async stop() {
      await model.close();
      await vhost.remove();
      await sidecar.stop();
    },
  };
}

/** Rules that give each queue's publishes the faults of that name; YAML flow. */
export const rulesOf = (faults: Record<string, string>, side = 'publish'): string =>
  `faults: { enabled: true }
rules:
${Object.entries(faults)
  .map(
    ([name, list]) =>
      `  - match: { ${side === 'publish' ? 'routingKey' : 'queue'}: ${name}, side: ${side} }\n    faults: [${list}]`,
  )
  .join('\n')}
`;
