import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { end, signal, start } from '../../testing/processes.ts';
import { forward } from './forward.ts';

/** A broker behind a network of its own: a link of the kernel, whose other end is in another network namespace. */
export interface Network {
  /** of the broker, on the far side */
  upstream: string;
  /** The link is cut: packets go nowhere and nobody is told. */
  cut(): void;
  mend(): void;
  /** bits a second towards the broker, e.g. `400kbit` */
  limit(rate: string): void;
  /** of the far end: larger packets must be cut up */
  mtu(bytes: number): void;
  /** All connections across it are reset. */
  reset(): void;
  remove(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./forward.ts', import.meta.url));
const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Needs root. */
export async function startNetwork(brokerPort: number): Promise<Network> {
  const number = process.pid % 250;
  const [name, near, far] = [`th${process.pid}`, `thn${process.pid}`, `thf${process.pid}`];
  const [here, there] = [`10.213.${number}.1`, `10.213.${number}.2`];
  ip('netns', 'add', name);
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  ip('address', 'add', `${here}/30`, 'dev', near);
  ip('link', 'set', near, 'up');
  ip('-n', name, 'address', 'add', `${there}/30`, 'dev', far);
  ip('-n', name, 'link', 'set', far, 'up');

  const folder = temporaryFolder('network');
  const path = `${folder.path}/broker`;
  const back = await forward({ path }, { host: '127.0.0.1', port: brokerPort });
  const port = await freePort();
  const program = ['netns', 'exec', name, process.execPath, PROGRAM, there, String(port), path];
  const child = start('ip', program, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return {
    upstream: `amqp://${there}:${port}`,
    // the far end alone: on this side everything looks as before
    cut: () => ip('-n', name, 'link', 'set', far, 'down'),
    mend: () => ip('-n', name, 'link', 'set', far, 'up'),
    limit: (rate) =>
      void execFileSync('tc', `qdisc add dev ${near} root tbf rate ${rate} burst 8kb latency 200ms`.split(' ')),
    mtu: (bytes) => ip('-n', name, 'link', 'set', far, 'mtu', String(bytes)),
    reset: () => signal(child, 'SIGUSR2'),
    async remove() {
      signal(child, 'SIGKILL');
      await end(child);
      await back.close();
      ip('link', 'del', near);
      ip('netns', 'del', name);
      folder.remove();
    },
  };
}
