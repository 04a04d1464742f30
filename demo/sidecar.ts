import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Metrics } from '../testing/metrics.ts';
import { type Child, startChild } from './child.ts';

const START_TIMEOUT_MS = 15_000;

export interface Sidecar {
  child: Child;
  /** host:port where the app connects */
  listen: string;
  /** base URL of the admin server, without a slash at the end */
  admin: string;
  metrics(): Promise<Metrics>;
}

/** Starts the built sidecar for one app and waits until it is ready. */
export async function startSidecar(
  app: string,
  upstream: string,
  ports: { listen: number; admin: number },
): Promise<Sidecar> {
  const args = ['--upstream', upstream, '--pipeline', 'shop'];
  args.push('--listen', `127.0.0.1:${await unlessTaken(ports.listen)}`);
  args.push('--admin', `127.0.0.1:${await unlessTaken(ports.admin)}`);
  // Its spans are what the app did.
  const child = startChild(`${app}'s sidecar`, 'dist/main.js', args, { OTEL_SERVICE_NAME: app });
  const died = child.ended.then((reason) => Promise.reject(new Error(reason)));
  const { listen, admin } = await Promise.race([ready(child), died]);
  // From here on the demo watches `ended` itself.
  died.catch(() => {});
  return {
    child,
    listen,
    admin: `http://${admin}`,
    metrics: async () => new Metrics(await (await fetch(`http://${admin}/metrics`)).text()),
  };
}

/** Waits for the log line that names the bound addresses, then for readiness. */
async function ready(child: Child): Promise<{ listen: string; admin: string }> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const line = child.lines.find((each) => each.includes('"msg":"listening"'));
    if (line) {
      const { listen, admin } = JSON.parse(line);
      const response = await fetch(`http://${admin}/readyz`).catch(() => undefined);
      if (response?.ok) return { listen, admin };
    }
    await pause(50);
  }
  throw new Error(`${child.name} was not ready within ${START_TIMEOUT_MS / 1000} s:\n  ${child.lines.join('\n  ')}`);
}

/** The port, or 0 (any) when somebody has it. */
async function unlessTaken(port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return port;
  } catch {
    return 0;
  } finally {
    server.close();
  }
}
