import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePorts } from '../../testing/ports.ts';
import type { Result } from '../../testing/processes.ts';
import type { Engine } from './engine.ts';
import { ROOT, SERVICES } from './images.ts';

export const APPS = ['order-service', 'payment-service'] as const;
export const SIDECARS = ['order-tracehare', 'payment-tracehare'] as const;

const PROJECT = 'tracehare-proof-';

interface Inspected {
  State: { Status: string; ExitCode: number; OOMKilled: boolean; Health?: { Status: string } };
  RestartCount: number;
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** The stack of docker-compose.yml, running under a project name and on ports of its own. */
export interface Stack {
  engine: Engine;
  services: string[];
  /** `http://…` of a port that the file publishes */
  url(service: string, port: number): string;
  inspect(service: string): Promise<Inspected>;
  /** Runs a script of Node in the container of an app or a sidecar; what it prints is JSON. */
  evaluate<T>(service: string, script: string, ...args: string[]): Promise<T>;
  isHealthy(service: string): Promise<boolean>;
  logs(service: string): Promise<string>;
  /** SIGTERM, and SIGKILL after the time that the file or the engine gives. */
  stop(service: string): Promise<void>;
  start(service: string): Promise<void>;
  /** Builds what it builds, and starts it all. */
  up(): Promise<void>;
  down(): Promise<void>;
}

/** Nothing of it runs before `up`. `also`: what else the override has, of each service. */
export async function prepareStack(engine: Engine, services: string[], also: Record<string, object>): Promise<Stack> {
  const folder = temporaryFolder('stack');
  const ports = new Map<string, number>();
  const published = services.flatMap((name) => (SERVICES[name].ports ?? []).map((port) => [name, port] as const));
  const free = await freePorts(published.length);
  published.forEach(([name, port], index) => {
    ports.set(`${name}:${port.split(':')[2]}`, free[index]);
  });
  writeFileSync(join(folder.path, 'override.yml'), override(services, ports, also));
  const project = `${PROJECT}${process.pid}`;
  const compose = (...args: string[]) =>
    engine.compose([
      '-p',
      project,
      '-f',
      join(ROOT, 'docker-compose.yml'),
      '-f',
      join(folder.path, 'override.yml'),
      ...args,
    ]);
  const containers = new Map<string, string>();
  const container = async (service: string): Promise<string> => {
    const known = containers.get(service);
    if (known !== undefined) return known;
    const labels = { project, service };
    const filters = Object.entries(labels).flatMap(([name, is]) => [
      '--filter',
      `label=com.docker.compose.${name}=${is}`,
    ]);
    const id = (await engine.run(['ps', '-aq', ...filters])).trim();
    if (!/^\w+$/.test(id)) throw new Error(`not one container of ${service}: ${id || 'none'}`);
    containers.set(service, id);
    return id;
  };
  const inspect = async (service: string): Promise<Inspected> =>
    JSON.parse(await engine.run(['container', 'inspect', await container(service)]))[0];

  return {
    engine,
    services,
    inspect,
    url(service, port) {
      const own = ports.get(`${service}:${port}`);
      if (own === undefined) throw new Error(`docker-compose.yml publishes no port ${port} of ${service}`);
      return `http://127.0.0.1:${own}`;
    },
    async evaluate(service, script, ...args) {
      const said = await engine.run(['exec', await container(service), 'node', '-e', script, ...args]);
      return JSON.parse(said);
    },
    async isHealthy(service) {
      const { State } = await inspect(service);
      if (State.Status !== 'running') return false;
      if (engine.name === 'docker') return State.Health === undefined || State.Health.Status === 'healthy';
      // podman leaves asking to systemd, which may not be there
      const { code, stderr } = await engine.ask(['healthcheck', 'run', await container(service)]);
      return code === 0 || /has no defined healthcheck/.test(stderr);
    },
    async logs(service) {
      const { stdout, stderr }: Result = await engine.ask(['logs', await container(service)]);
      return `${stdout}${stderr}`;
    },
    stop: async (service) => void (await compose('stop', service)),
    start: async (service) => void (await compose('start', service)),
    async up() {
      await compose('build', ...services);
      await compose('up', '-d', ...services);
      for (const service of services) await container(service);
    },
    async down() {
      await compose('down', '-v', '-t', '2');
      // those without a name, which podman-compose leaves; its store is ours alone
      if (engine.name === 'podman') await engine.ask(['volume', 'prune', '-f']);
      folder.remove();
    },
  };
}

/** Other ports, so that a stack of whoever works here can run beside. Nothing else is other than in the file. */
function override(services: string[], ports: Map<string, number>, also: Record<string, object>): string {
  const lines = services.flatMap((name) => {
    const own = [...ports].filter(([port]) => port.startsWith(`${name}:`));
    const published = own.map(([port, free]) => `127.0.0.1:${free}:${port.split(':')[1]}`);
    const more = Object.entries(also[name] ?? {}).map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`);
    if (published.length === 0 && more.length === 0) return [];
    return [
      `  ${name}:`,
      ...(published.length > 0 ? [`    ports: !override ${JSON.stringify(published)}`] : []),
      ...more,
    ];
  });
  return `services:\n${lines.join('\n')}\n`;
}

/** What runs that were killed have left. */
export async function removeLeftovers(engine: Engine): Promise<void> {
  for (const [kind, list, remove] of [
    ['Names', ['ps', '-a'], ['rm', '-f', '-v']],
    ['Name', ['network', 'ls'], ['network', 'rm']],
    ['Name', ['volume', 'ls'], ['volume', 'rm']],
  ] as const) {
    const left = async () => {
      const names = (await engine.run([...list, '--format', `{{.${kind}}}`])).split('\n');
      return names.filter((name) => {
        const pid = new RegExp(`^${PROJECT}(\\d+)[-_]`).exec(name)?.[1];
        return pid !== undefined && !existsSync(`/proc/${pid}`);
      });
    };
    // podman removes a container only after those that need it
    for (let names = await left(), before = Infinity; names.length > 0 && names.length < before; names = await left()) {
      before = names.length;
      await engine.ask([...remove, ...names]);
    }
  }
}
