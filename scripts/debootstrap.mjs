// Debian's packages as a root file system in a folder, for what this machine has not or not in that version.
// Plain JavaScript, as who uses it.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { provision } from './provision.mjs';

/**
 * Makes `root` in the folder, unless the folder is there: the smallest system of the suite that has the packages. What
 * is begun lies beside the place where it belongs, so that whatever is found there is whole. Needs debootstrap, root and
 * CAP_SYS_ADMIN. Throws an Error of one line.
 */
export function unpackDebian({ suite, packages, folder }) {
  if (existsSync(folder)) return;
  provision(['debootstrap']);
  mkdirSync(dirname(folder), { recursive: true });
  removeUnfinished(folder);
  const work = `${folder}.${process.pid}`;
  const log = `${work}.log`;
  console.error(`debootstrap: unpacking ${[`Debian ${suite}`, ...packages].join(' with ')} in ${folder}`);
  const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
  const output = openSync(log, 'w');
  // What debootstrap mounts is in a namespace of its own and goes with it, also when it is interrupted.
  const { status } = spawnSync(
    'unshare',
    ['--mount', 'debootstrap', '--variant=minbase', ...include, suite, join(work, 'root'), ...mirror()],
    { stdio: ['ignore', output, output] },
  );
  closeSync(output);
  const lastLine = readFileSync(log, 'utf8').trim().split('\n').at(-1);
  try {
    if (status !== 0) throw new Error(`debootstrap failed: ${lastLine}`);
    rmSync(join(work, 'root/var/cache/apt/archives'), { recursive: true, force: true });
    renameSync(work, folder);
  } catch (error) {
    // another run was first
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  } finally {
    for (const each of [work, log]) rmSync(each, { recursive: true, force: true });
  }
}

/** What runs that are no more have left. */
function removeUnfinished(folder) {
  for (const name of readdirSync(dirname(folder))) {
    if (!name.startsWith(`${basename(folder)}.`)) continue;
    const [, pid] = /^\.(\d+)(\.log)?$/.exec(name.slice(basename(folder).length)) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}

/** Where this Debian gets its packages from; nothing, and debootstrap's own choice, on a relative of Debian. */
function mirror() {
  const format = '$(ORIGIN) $(LABEL) $(REPO_URI)';
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  return /^Debian Debian (.*)$/m.exec(stdout ?? '')?.slice(1) ?? [];
}
