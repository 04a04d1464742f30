import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** What a process with this many descriptors left makes of a look-up that failed. */
function judged(left: number): boolean {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    const { isOutOfDescriptors } = await import(${JSON.stringify(new URL('../../src/proxy/stream/descriptors.ts', import.meta.url))});
    const held = [];
    try {
      for (;;) held.push(openSync('/dev/null', 'r'));
    } catch {}
    for (const each of held.splice(0, ${left})) closeSync(each);
    const failure = Object.assign(new Error('getaddrinfo ENOTFOUND broker'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' });
    const answers = [isOutOfDescriptors(failure), isOutOfDescriptors(failure)];
    for (const each of held) closeSync(each);
    console.log(JSON.stringify(answers));
  `;
  const args = ['--nofile=128', process.execPath, '--input-type=module', '--eval', script];
  const [first, second] = JSON.parse(execFileSync('prlimit', args, { encoding: 'utf8' }));
  // what is tried out is given back
  expect(second).toBe(first);
  return first;
}

test.each([
  [0, true],
  [1, true],
  // look-ups that ran beside it may have held these when it failed
  [5, true],
  [60, false],
])('a name that is not found with %i descriptors left: for want of them? %s', (left, isForWant) => {
  expect(judged(left)).toBe(isForWant);
});
