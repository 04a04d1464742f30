// Podman with a store and settings of its own: stand-ins bear the names of real images, which nobody else may get.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandPath } from '../provision.mjs';
import { CACHE, must } from './commands.ts';

const COMPOSE_VERSION = '1.6.0';
const folder = join(CACHE, 'engine');
/** bit of CAP_SYS_RESOURCE, which setting limits takes */
const SYS_RESOURCE = 1n << 24n;

/** Variables with which podman works here, and the command that is its compose. */
export async function preparePodman(): Promise<{ env: NodeJS.ProcessEnv; compose: string[] }> {
  mkdirSync(join(folder, 'networks'), { recursive: true });
  const runtime = ociRuntime();
  const files = {
    'containers.conf': `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "proof"
[engine.runtimes]
proof = [${JSON.stringify(runtime)}]
[network]
network_backend = "netavark"
network_config_dir = ${JSON.stringify(join(folder, 'networks'))}
`,
    'storage.conf': `[storage]
driver = "overlay"
graphroot = ${JSON.stringify(join(folder, 'graph'))}
runroot = ${JSON.stringify(join(process.getuid?.() === 0 ? '/run' : (process.env.XDG_RUNTIME_DIR ?? '/tmp'), 'tracehare-stack'))}
`,
    'registries.conf': 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "disabled"\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const env = {
    CONTAINERS_CONF: join(folder, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf'),
    // images of the OCI's own format have no health check
    BUILDAH_FORMAT: 'docker',
  };
  return { env, compose: await podmanCompose() };
}

/** Where limits can't be set, because this machine is a container itself, containers keep those that they are born with. */
function ociRuntime(): string {
  const runtime = commandPath('runc') ?? commandPath('crun');
  if (runtime === undefined) throw new Error('podman has no runtime here: install runc or crun');
  const [, effective] = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) as RegExpExecArray;
  if (process.getuid?.() !== 0 || BigInt(`0x${effective}`) & SYS_RESOURCE) return runtime;
  const wrapper = join(folder, 'runtime-without-limits');
  writeFileSync(
    wrapper,
    `#!/bin/sh
# takes the limits out of what it is told to run
file=
for argument; do
  case $previous in
    --bundle | -b) file=$argument/config.json ;;
    --process | -p) file=$argument ;;
  esac
  previous=$argument
done
[ -z "$file" ] || sed -i 's/"rlimits":\\[[^]]*\\]/"rlimits":[]/' "$file"
exec ${runtime} "$@"
`,
  );
  chmodSync(wrapper, 0o755);
  return wrapper;
}

/** From the Python package index: Debian's is too old for what our file asks. */
async function podmanCompose(): Promise<string[]> {
  const home = join(CACHE, `podman-compose-${COMPOSE_VERSION}`);
  const python = join(home, 'bin/python');
  if (!existsSync(home)) {
    const work = `${home}.${process.pid}`;
    try {
      await must('python3', ['-m', 'venv', work]);
      await must(join(work, 'bin/python'), ['-m', 'pip', 'install', '-q', `podman-compose==${COMPOSE_VERSION}`]);
      if (!existsSync(home)) renameSync(work, home);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return [python, '-m', 'podman_compose'];
}
