import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { end, ended, signal, start } from '../testing/processes.ts';

const KEPT_LINES = 20;

/** A program the demo runs under this very Node, with what it last said. */
export interface Child {
  name: string;
  /** last lines of both outputs, oldest first */
  lines: string[];
  /** Resolves when it has ended, with a line that says how and why. */
  ended: Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `patience` milliseconds; resolves when it has ended. */
  stop(patience: number): Promise<void>;
}

/** `script` is relative to the repository. */
export function startChild(name: string, script: string, args: string[], env: Record<string, string>): Child {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = start(process.execPath, [path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output as NodeJS.ReadableStream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
    });
  }
  return {
    name,
    lines,
    // 'close' comes after the last line was read, 'exit' may not
    ended: new Promise((resolve) => {
      child.once('error', (error) => resolve(`${name} could not be started: ${error.message}`));
      child.once('close', (code, name_) => resolve(`${name} ended (${name_ ?? `exit code ${code}`})${why(lines)}`));
    }),
    signal: (name_) => signal(child, name_),
    async stop(patience) {
      signal(child, 'SIGTERM');
      const kill = setTimeout(() => signal(child, 'SIGKILL'), patience);
      if (!ended(child)) await end(child);
      clearTimeout(kill);
    },
  };
}

function why(lines: string[]): string {
  return lines.length === 0 ? ' without a word' : `; it last said:\n  ${lines.slice(-5).join('\n  ')}`;
}
