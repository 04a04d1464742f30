import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type { Config } from '../config/config.ts';

// Policies as sched.h numbers them.
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;

/** Fields of proc(5)'s stat that stand between the name in brackets and the policy, which is the 41st. */
const POLICY_FIELD = 38;

/** chrt is done in a few ms; on a machine that has none to spare, the start goes on without it. */
const LONGEST_MS = 5000;

/**
 * SCHED_BATCH tells the kernel that a thread may be woken a little later, with more to read each time: on busy processors
 * that takes a third to a half of the CPU a message costs, and needs no privilege. Node can't ask for it, `chrt` of
 * util-linux can, for threads of another process too. Call it when all threads are there: later ones have the policy of
 * the thread that starts them. Never rejects; resolves with what the start says of it.
 */
export async function schedule(policy: Config['process']['schedulingPolicy']): Promise<string> {
  if (policy === 'inherit') return 'as it was started';
  const before = policies();
  if (before?.every((each) => each === SCHED_BATCH)) return 'SCHED_BATCH on all threads';
  // who starts it under another policy than everybody's has chosen it
  if (before?.some((each) => each !== SCHED_OTHER && each !== SCHED_BATCH))
    return 'as it was started, under another policy';
  const failure = await chrt(process.pid).catch(({ message }: Error) => message);
  // what holds now counts, not what chrt says: a thread may have ended under its hands
  const after = policies();
  const batch = after?.filter((each) => each === SCHED_BATCH).length ?? 0;
  if (after === undefined ? failure === undefined : batch === after.length) return 'SCHED_BATCH on all threads';
  const what = batch === 0 ? 'not SCHED_BATCH' : `SCHED_BATCH on ${batch} of ${after?.length} threads`;
  return failure === undefined ? what : `${what}: ${failure}`;
}

/** Resolves with what went wrong; rejects where this process may start no other (Node's permission model). */
function chrt(pid: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('chrt', ['-a', '-b', '-p', '0', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' ? 'no chrt on PATH' : error.message),
    );
    child.once('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(said.trim().split('\n')[0] || `chrt ended by ${signal ?? `code ${code}`}`);
    });
  });
}

/** Of all threads of this process; undefined where the system has no /proc to tell. */
function policies(): number[] | undefined {
  try {
    return readdirSync('/proc/self/task').flatMap(policyOf);
  } catch {
    return undefined;
  }
}

function policyOf(thread: string): number[] {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    // the name before it may hold spaces and brackets
    return [Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY_FIELD])];
  } catch {
    // it ended meanwhile
    return [];
  }
}
