import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { end, signal, start } from './processes.ts';

export interface Terminal {
  /** everything the program has written so far, escape sequences included */
  readonly output: string;
  /** Typed by the user: '\x03' is Ctrl-C. */
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** To the program alone. */
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  ended(): Promise<number | NodeJS.Signals>;
  kill(): Promise<unknown>;
}

/** Copies between us and a terminal that a program runs in; a line `size COLUMNS ROWS` on descriptor 3 resizes it, `signal NAME` signals the program. */
const PTY = `
import fcntl, os, pty, select, signal, struct, sys, termios
columns, rows, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0: os.execvp(command[0], command)
def size(columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', int(rows), int(columns), 0, 0))
    os.kill(pid, signal.SIGWINCH)
size(columns, rows)
watched = [terminal, 0, 3]
while True:
    for ready in select.select(watched, [], [])[0]:
        try: data = os.read(ready, 65536)
        except OSError: data = b''
        if ready == terminal:
            if not data: sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os.write(1, data)
        elif not data: watched.remove(ready)
        elif ready == 0: os.write(terminal, data)
        else:
            for line in data.decode().split('\\\\n'):
                word, *rest = line.split() or ['']
                if word == 'size': size(*rest)
                if word == 'signal': os.kill(pid, getattr(signal, rest[0]))
`;

/** Runs a program in a pseudo-terminal of that size. */
export function startInTerminal(
  command: string[],
  { env, columns = 100, rows = 30 }: { env: Record<string, string | undefined>; columns?: number; rows?: number },
): Terminal {
  const child: ChildProcess = start('python3', ['-c', PTY, String(columns), String(rows), ...command], {
    env,
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const control = child.stdio[3] as Writable;
  for (const stream of [child.stdin, control]) stream?.on('error', () => {});
  return {
    get output() {
      return output;
    },
    type: (text) => child.stdin?.write(text),
    resize: (columns, rows) => control.write(`size ${columns} ${rows}\n`),
    signal: (name) => control.write(`signal ${name}\n`),
    ended: () => end(child),
    kill() {
      signal(child, 'SIGKILL');
      return end(child);
    },
  };
}
