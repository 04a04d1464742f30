import { type ChannelModel, connect } from 'amqplib';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { atEnd } from './closing.ts';

export interface Rig {
  vhost: Vhost;
  sidecar: Tracehare;
  /** an app through the sidecar; its errors are what the test waits for */
  app(): Promise<ChannelModel>;
  /** past it */
  aside(): Promise<ChannelModel>;
}

/**
 * A sidecar and a vhost for one test; `port` is the upstream's, the shared broker's if it is not
 * given. A configuration that has an upstream decides itself.
 */
export async function startRig(options: TracehareOptions & { port?: number } = {}): Promise<Rig> {
  const { port, ...rest } = options;
  const vhost = await createVhost();
  atEnd(() => vhost.remove());
  const sidecar = await startTracehare({
    ...(!rest.config?.includes('upstream:') && { upstream: `amqp://127.0.0.1:${port ?? vhost.port}` }),
    ...rest,
  });
  atEnd(() => sidecar.kill());
  const open = async (at?: number): Promise<ChannelModel> => {
    const model = await connect(vhost.url(at));
    model.on('error', () => {});
    return model;
  };
  return {
    vhost,
    sidecar,
    app: () => open(sidecar.port),
    async aside() {
      const model = await open();
      atEnd(() => model.close().catch(() => {}));
      return model;
    },
  };
}

/** Bodies that a queue holds, in order; they are taken out, past the sidecar. */
export async function stored(rig: Rig, queue: string): Promise<string[]> {
  const channel = await (await rig.aside()).createChannel();
  const bodies: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return bodies;
    bodies.push(message.content.toString());
  }
}

/** Until the sidecar knows of no connection. */
export async function idle(sidecar: Tracehare): Promise<void> {
  await until(async () => (await sidecar.metrics()).value('tracehare_connections') === 0, 'no connection is left');
}
