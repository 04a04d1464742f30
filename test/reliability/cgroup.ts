import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

/** A limit of the kernel's for what is in it. Needs root. */
export interface Cgroup {
  /** before a command: it starts in there */
  within: string[];
  /** From now on this process is in there, all its threads. */
  take(pid: number): void;
  /** so many processes of it the kernel has killed for their memory */
  kills(): number;
  /** Nothing may be in it any more. */
  remove(): void;
}

const ROOT = '/sys/fs/cgroup';
/** version 2 has one tree, version 1 one for each kind */
const isV2 = existsSync(`${ROOT}/cgroup.controllers`);

const cgroup = (
  kind: 'memory' | 'cpu',
  file: { v1: string; v2: string },
  limit: { v1: string; v2: string },
): Cgroup => {
  const version = isV2 ? 'v2' : 'v1';
  if (isV2) writeFileSync(`${ROOT}/cgroup.subtree_control`, `+${kind}`);
  const path = `${ROOT}/${isV2 ? '' : `${kind}/`}tracehare-${process.pid}`;
  mkdirSync(path);
  writeFileSync(`${path}/${file[version]}`, limit[version]);
  return {
    within: ['sh', '-c', `echo $$ > ${path}/cgroup.procs && exec "$@"`, 'sh'],
    take: (pid) => writeFileSync(`${path}/cgroup.procs`, String(pid)),
    kills: () =>
      Number(
        /oom_kill (\d+)/.exec(readFileSync(`${path}/${isV2 ? 'memory.events' : 'memory.oom_control'}`, 'utf8'))?.[1],
      ),
    remove: () => rmdirSync(path),
  };
};

/** The kernel kills what goes beyond. */
export const memoryCgroup = (bytes: number): Cgroup =>
  cgroup('memory', { v2: 'memory.max', v1: 'memory.limit_in_bytes' }, { v2: String(bytes), v1: String(bytes) });

const PERIOD_US = 100_000;

/** What has had its share of a processor, 0 to 1, in a tenth of a second waits for the next. */
export function cpuCgroup(share: number): Cgroup {
  const quota = Math.round(share * PERIOD_US);
  return cgroup('cpu', { v2: 'cpu.max', v1: 'cpu.cfs_quota_us' }, { v2: `${quota} ${PERIOD_US}`, v1: String(quota) });
}
