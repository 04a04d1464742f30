import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { end, signal, start } from '../../testing/processes.ts';
import { forward } from './forward.ts';

/** A port here, behind a network of its own: a link of the kernel, whose other end is in another network namespace. */
export interface Network {
  /** where the port is found on the far side, HOST:PORT */
  address: string;
  /** The link is cut: packets go nowhere and nobody is told. */
  cut(): void;
  /** The same for one way only: what the far side is sent, or what it sends. */
  cutOneWay(way: 'there' | 'back'): void;
  /** So many of all packets are lost, 0 to 1, on both ways. */
  lose(share: number): void;
  /** bits a second on both ways, e.g. `400kbit` */
  limit(rate: string): void;
  /** Ends what `cut`, `cutOneWay`, `lose` and `limit` did. */
  mend(): void;
  /** of the far end: larger packets must be cut up */
  mtu(bytes: number): void;
  /** All connections across it are reset. */
  reset(): void;
  remove(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./forward.ts', import.meta.url));
const run = (command: string, ...args: string[]): void =>
  void execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Needs root. */
export async function startNetwork(toPort: number): Promise<Network> {
  const number = process.pid % 250;
  const [name, near, far] = [`th${process.pid}`, `thn${process.pid}`, `thf${process.pid}`];
  const [here, there] = [`10.213.${number}.1`, `10.213.${number}.2`];
  run('ip', 'netns', 'add', name);
  run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  run('ip', 'address', 'add', `${here}/30`, 'dev', near);
  run('ip', 'link', 'set', near, 'up');
  const inside = (command: string, ...args: string[]) => run('ip', 'netns', 'exec', name, command, ...args);
  inside('ip', 'address', 'add', `${there}/30`, 'dev', far);
  inside('ip', 'link', 'set', far, 'up');

  const folder = temporaryFolder('network');
  const path = `${folder.path}/port`;
  const back = await forward({ path }, { host: '127.0.0.1', port: toPort });
  const port = await freePort();
  const program = ['netns', 'exec', name, process.execPath, PROGRAM, there, String(port), path];
  const child = start('ip', program, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  const mending: (() => void)[] = [];
  // by the far end alone: on this side everything looks as before
  const drop = (chain: 'INPUT' | 'OUTPUT', ...which: string[]) => {
    inside('iptables', '-A', chain, ...which, '-j', 'DROP');
    mending.push(() => inside('iptables', '-D', chain, ...which, '-j', 'DROP'));
  };
  return {
    address: `${there}:${port}`,
    cut() {
      inside('ip', 'link', 'set', far, 'down');
      mending.push(() => inside('ip', 'link', 'set', far, 'up'));
    },
    cutOneWay: (way) => drop(way === 'there' ? 'INPUT' : 'OUTPUT'),
    lose(share) {
      const which = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)];
      drop('INPUT', ...which);
      drop('OUTPUT', ...which);
    },
    limit(rate) {
      const how = `root tbf rate ${rate} burst 8kb latency 200ms`.split(' ');
      run('tc', 'qdisc', 'add', 'dev', near, ...how);
      inside('tc', 'qdisc', 'add', 'dev', far, ...how);
      mending.push(
        () => run('tc', 'qdisc', 'del', 'dev', near, 'root'),
        () => inside('tc', 'qdisc', 'del', 'dev', far, 'root'),
      );
    },
    mend() {
      for (const each of mending.splice(0)) each();
    },
    mtu: (bytes) => inside('ip', 'link', 'set', far, 'mtu', String(bytes)),
    reset: () => signal(child, 'SIGUSR2'),
    async remove() {
      signal(child, 'SIGKILL');
      await end(child);
      await back.close();
      run('ip', 'link', 'del', near);
      run('ip', 'netns', 'del', name);
      folder.remove();
    },
  };
}
