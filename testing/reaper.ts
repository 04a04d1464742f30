import { type ChildProcess, spawn } from 'node:child_process';

// Nothing a test starts may outlive it, also when the test process is killed and runs no hook. A
// shell per test process waits for the end of its standard input, which comes when we are gone,
// and then kills every process group and removes every folder that is still noted.
const SCRIPT = `
while IFS= read -r line; do
  case $line in
    +*) set -- "$@" "\${line#+}" ;;
    -*) kept=$#
        while [ "$kept" -gt 0 ]; do
          [ "$1" = "\${line#-}" ] || set -- "$@" "$1"
          shift
          kept=$((kept - 1))
        done ;;
  esac
done
for each; do case $each in [0-9]*) kill -KILL "-$each" 2>/dev/null ;; esac; done
for each; do case $each in /*) rm -rf -- "$each" ;; esac; done
`;

let shell: ChildProcess | undefined;

function tell(line: string): void {
  if (shell === undefined) {
    shell = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    shell.stdin?.on('error', () => {});
    // The test process need not wait for it: it ends by itself.
    (shell.stdin as unknown as { unref(): void }).unref();
    shell.unref();
  }
  shell.stdin?.write(`${line}\n`);
}

/** The child's whole process group dies with us at the latest. It must have been spawned `detached`. */
export function reapWithUs(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const group = String(child.pid);
  tell(`+${group}`);
  child.once('exit', () => tell(`-${group}`));
}

/** The folder goes when we do. An absolute path. */
export function removeWithUs(folder: string): void {
  tell(`+${folder}`);
}

export function removed(folder: string): void {
  tell(`-${folder}`);
}
