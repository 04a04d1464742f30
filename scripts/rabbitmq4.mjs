// A RabbitMQ 4 for the tests, beside the RabbitMQ that is installed.
//
//   node scripts/rabbitmq4.mjs      prints the folder of its rabbitmq-server and rabbitmqctl
//
// Where the machine's own RabbitMQ, or the one whose folder BROKER_PROGRAMS names, is 4 or later, that is the one.
// Elsewhere it is the package of Debian trixie (4.0.5) with all it depends on, in a folder that the programs take for
// their root (chroot): that needs root, Debian (or a relative), a minute once, and 400 MB in ~/.cache/tracehare, which
// may be deleted when no test runs.
// Plain JavaScript, so that any Node can say what is missing.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder } from './cache.mjs';
import { unpackDebian } from './debootstrap.mjs';
import { rabbitmqFolder } from './provision.mjs';

const SUITE = 'trixie';
const PROGRAMS = ['rabbitmq-server', 'rabbitmqctl', 'rabbitmq-diagnostics', 'rabbitmq-plugins'];
const folder = cacheFolder('rabbitmq4');

/**
 * Folder that holds rabbitmq-server and rabbitmqctl of a RabbitMQ 4, which is built if there is none yet.
 * Throws an Error of one line when none can be had here.
 */
export function provideRabbitmq4() {
  const own = process.env.BROKER_PROGRAMS ?? rabbitmqFolder();
  if (own !== undefined && majorVersion(own) >= 4) return own;
  return writeWrappers(rabbitmq4Root());
}

function majorVersion(programs) {
  const { stdout } = spawnSync(join(programs, 'rabbitmqctl'), ['version'], { encoding: 'utf8' });
  return Number.parseInt(stdout, 10);
}

/** The programs see folders of ours by mounts that only they see, which not every container allows. */
function checkPrivileges() {
  const needed = 'no RabbitMQ 4 here: install one, or name the folder of its programs in BROKER_PROGRAMS';
  if (process.platform !== 'linux' || process.getuid() !== 0) throw new Error(`${needed}, or be root on Debian`);
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0)
    throw new Error(`${needed}, or allow this container to mount (CAP_SYS_ADMIN)`);
}

/** Folder of a root file system with RabbitMQ 4 and all it depends on, unpacked if there is none yet. */
export function rabbitmq4Root() {
  checkPrivileges();
  unpackDebian({ suite: SUITE, packages: ['rabbitmq-server'], folder });
  return join(folder, 'root');
}

/**
 * One program for each of RabbitMQ's, which becomes it: same process, same environment. It sees the temporary folder
 * of the tests where it is, by mounts that end with it.
 */
function writeWrappers(root) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh
exec unshare --mount sh -e -c '
  temporary=\${TMPDIR:-/tmp}
  mkdir -p "${root}$temporary"
  mount --rbind "$temporary" "${root}$temporary"
  mount --rbind /proc "${root}/proc"
  mount --rbind /dev "${root}/dev"
  mount --bind /etc/hosts "${root}/etc/hosts"
  exec chroot "${root}" "/usr/lib/rabbitmq/bin/\${0##*/}" "$@"
' "$0" "$@"
`;
  for (const name of PROGRAMS) {
    const file = join(bin, name);
    writeFileSync(`${file}.${process.pid}`, script);
    chmodSync(`${file}.${process.pid}`, 0o755);
    renameSync(`${file}.${process.pid}`, file);
  }
  return bin;
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    console.log(provideRabbitmq4());
  } catch (error) {
    console.error(`rabbitmq4: ${error.message}`);
    process.exit(1);
  }
}
