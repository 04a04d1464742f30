import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('counting allocates nothing', () => {
  // A process of its own, where nothing else allocates but now and then the compiler.
  const script = fileURLToPath(new URL('./count-and-weigh.ts', import.meta.url));
  const bytes = Number(execFileSync(process.execPath, [script], { encoding: 'utf8' }));
  // One number boxed in one of the 18 calls would be 16 bytes a message.
  expect(bytes).toBeLessThan(4);
});
