import { onTestFinished } from 'vitest';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';

/** A vhost, and a sidecar whose upstream is partitioned again and again; `attributes` as in the configuration. */
export async function startPartitioned(attributes: string): Promise<{ vhost: Vhost; sidecar: Tracehare }> {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${vhost.port}`,
    config: `faults: { enabled: true }
rules:
  - match: { vhost: / }
    faults: [{ type: partition, attributes: { ${attributes} } }]
`,
  });
  onTestFinished(async () => void (await sidecar.stop()));
  return { vhost, sidecar };
}
