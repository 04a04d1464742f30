import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { isSea } from 'node:sea';

const KEPT_LINES = 20;

/** A part of the demo as a process of its own, under this very Node. */
export interface Child {
  readonly name: string;
  /** Resolves when it has ended, with a line that says how and why. */
  readonly ended: Promise<string>;
  /** Is told each line of both outputs from now on. */
  onLine(listener: (line: string) => void): void;
  /** SIGTERM, and SIGKILL after `patience` milliseconds; resolves when it has ended. */
  stop(patience: number): Promise<void>;
}

/**
 * Starts `tracehare demo part PART ARGS`. Ctrl-C in the terminal does not reach it, so that the demo ends its parts in
 * order. It ends when its standard input does, so with the demo at the latest, however that ends.
 */
export function startChild(name: string, part: string, args: string[], env: Record<string, string>): Child {
  // one executable has its program within, all else is a script that Node runs
  const program = isSea() ? [] : [process.argv[1]];
  const child = spawn(process.execPath, [...program, 'demo', 'part', part, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  // it may end before we have nothing to say to it
  child.stdin.on('error', () => {});
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      for (const listener of listeners) listener(line);
    });
  }
  return {
    name,
    // 'close' comes after the last line was read, 'exit' may not
    ended: new Promise((resolve) => {
      child.once('error', (error) => resolve(`${name} could not be started: ${error.message}`));
      child.once('close', (code, signal) => resolve(`${name} ended (${signal ?? `exit code ${code}`})${why(lines)}`));
    }),
    onLine: (listener) => listeners.push(listener),
    stop: (patience) => stop(child, patience),
  };
}

/** SIGTERM, and SIGKILL after `patience` milliseconds; resolves when it has ended. */
export async function stop(child: ChildProcess, patience: number): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), patience);
  await exit;
  clearTimeout(kill);
}

function why(lines: string[]): string {
  return lines.length === 0 ? ' without a word' : `; it last said:\n  ${lines.slice(-5).join('\n  ')}`;
}
