import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Child, startChild } from './child.ts';
import { Exposition } from './exposition.ts';
import { SIDECAR_READY } from './part.ts';

/** one that fails says so by its end; this is for one that hangs, on a machine however slow */
const START_TIMEOUT_MS = 60_000;

export interface Sidecar {
  child: Child;
  /** host:port where the app connects */
  listen: string;
  /** base URL of the admin server, without a slash at the end */
  admin: string;
  /** A scrape; undefined while there is none to be had. */
  scrape(): Promise<Exposition | undefined>;
}

export interface Ports {
  listen: number;
  admin: number;
}

/** These, or any others for those that somebody has. */
export async function freePorts(wanted: Ports): Promise<Ports> {
  const [listen, admin] = await Promise.all([freePort(wanted.listen), freePort(wanted.admin)]);
  return { listen, admin };
}

/** Starts a sidecar for one app and waits until it is ready. `peers`: admin ports of all, whom each page shows. */
export async function startSidecar(app: string, upstream: string, ports: Ports, peers: number[]): Promise<Sidecar> {
  const { listen, admin } = ports;
  const args = ['--upstream', upstream, '--pipeline', 'shop'];
  args.push('--listen', `127.0.0.1:${listen}`, '--admin', `127.0.0.1:${admin}`);
  // what comes of an order is in its trace
  args.push('--tracing-cause', 'parent');
  args.push('--peers', peers.map((port) => `http://127.0.0.1:${port}`).join(','));
  // its spans are what the app did
  const child = startChild(`${app}'s sidecar`, 'sidecar', args, { OTEL_SERVICE_NAME: app });
  const url = `http://127.0.0.1:${admin}`;
  const died = child.ended.then((reason) => Promise.reject(new Error(reason)));
  await Promise.race([ready(child), died]);
  // from here on the demo watches `ended` itself
  died.catch(() => {});
  return {
    child,
    listen: `127.0.0.1:${listen}`,
    admin: url,
    async scrape() {
      const text = await fetch(`${url}/metrics`).then(
        (response) => response.text(),
        () => undefined,
      );
      return text === undefined ? undefined : new Exposition(text);
    },
  };
}

async function ready(child: Child): Promise<void> {
  const { promise: said, resolve, reject } = Promise.withResolvers<void>();
  child.onLine((line) => {
    if (line === SIDECAR_READY) resolve();
  });
  const late = setTimeout(
    () => reject(new Error(`${child.name} was not ready within ${START_TIMEOUT_MS / 1000} s`)),
    START_TIMEOUT_MS,
  );
  late.unref();
  await said.finally(() => clearTimeout(late));
}

/** This one, or any other when somebody has it. */
async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch {
      // the next one
    } finally {
      server.close();
    }
  }
  throw new Error('no free port on 127.0.0.1');
}
