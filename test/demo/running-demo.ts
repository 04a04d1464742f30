import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { end } from '../../testing/processes.ts';
import { reapWithUs } from '../../testing/reaper.ts';
import { until } from '../../testing/wait.ts';

/** A demo whose processes can be told from all others by a variable they inherit. */
export interface Demo {
  child: ChildProcess;
  output(): string;
  /** command lines by process id, of all it started and itself */
  processes(): Map<number, string>;
  /** Resolves when it runs, with the admin URLs it names. */
  introduced(): Promise<string[]>;
  /** Resolves when the output has this. */
  tells(words: string | RegExp): Promise<void>;
  /** Resolves with its exit code once its processes and temporary files are gone. */
  ended(): Promise<unknown>;
}

/** `folder`: where it may have temporary files. */
export function startDemo(program: string, args: string[], folder: string, options: SpawnOptions = {}): Demo {
  const mark = `TRACEHARE_TEST=${randomUUID()}`;
  const [name, value] = mark.split('=');
  const child = spawn(program, args, {
    ...options,
    env: { ...(options.env ?? process.env), [name]: value, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  reapWithUs(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const processes = () => markedProcesses(mark);
  const tells = async (words: string | RegExp) => {
    const found = await until(
      () =>
        (typeof words === 'string' ? output.includes(words) : words.test(output)) ||
        (child.exitCode !== null && 'ended'),
      () => `the demo tells of ${words}: ${output}`,
    );
    expect(found, output).toBe(true);
  };
  return {
    child,
    output: () => output,
    processes,
    tells,
    async introduced() {
      await tells('Ctrl-C ends everything');
      return output.match(/http:\/\/127\.0\.0\.1:\d+(?=\/ )/g)?.slice(0, 3) ?? [];
    },
    async ended() {
      const code = await end(child);
      await until(
        () => processes().size === 0,
        () => `nothing is left of the demo: ${[...processes().values()].join('; ')}`,
      );
      expect(readdirSync(folder)).toEqual([]);
      return code;
    },
  };
}

function markedProcesses(mark: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(join('/proc', pid, 'environ'), 'utf8').includes(mark)) continue;
      found.set(Number(pid), readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' '));
    } catch {
      // it has ended in between
    }
  }
  return found;
}
