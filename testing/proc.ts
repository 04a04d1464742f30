import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

// What /proc says of a process. Linux only.

/** Microseconds of CPU of all its threads so far, from the scheduler's own count of nanoseconds. */
export function cpuTime(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
    } catch {
      // that thread ended meanwhile
    }
  }
  return nanoseconds / 1000;
}

/** How many file descriptors it has open. Throws once it has ended. */
export const openDescriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** From now on its peak counts anew. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** MiB of resident memory at the peak. */
export const peakRss = (pid: number): number => mebibytes(pid, 'VmHWM');

/** MiB of resident memory. */
export const rss = (pid: number): number => mebibytes(pid, 'VmRSS');

function mebibytes(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) / 1024;
}
