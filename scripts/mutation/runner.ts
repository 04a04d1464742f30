import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Task } from './worker.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** One process that runs tests; begun anew when a mutant never comes to an end. */
export class Runner {
  #child: ChildProcess | undefined;

  /** `timeout` ms: a loop that does not end. */
  async run(task: Task, timeout: number): Promise<Answer | 'timeout'> {
    const child = await this.#ready();
    const { promise, resolve } = Promise.withResolvers<Answer | 'timeout'>();
    const timer = setTimeout(() => resolve('timeout'), timeout);
    const ended = () => resolve('timeout');
    child.once('message', resolve).once('exit', ended);
    child.send(task);
    const answer = await promise;
    clearTimeout(timer);
    child.off('message', resolve).off('exit', ended);
    if (answer === 'timeout') this.end();
    return answer;
  }

  /** With the test process that it has started: both are one group. */
  end(): void {
    if (this.#child?.pid !== undefined && this.#child.exitCode === null) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        // it has ended meanwhile
      }
    }
    this.#child = undefined;
  }

  async #ready(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    const env = { MODEL_RUNS: '15', ...process.env };
    const child = fork(WORKER, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    this.#child = child;
    await once(child, 'message');
    return child;
  }
}
