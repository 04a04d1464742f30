import { expect, test } from 'vitest';
import { run } from '../../testing/processes.ts';

const MINUTES = process.env.CI ? 3 : 1;

test(
  'whatever goes wrong for minutes: what is acknowledged arrives, figures are true, nothing grows',
  async () => {
    const main = new URL('./main.ts', import.meta.url).pathname;
    const { code, stdout, stderr } = await run(process.execPath, [main, '--minutes', String(MINUTES)]);
    expect(code, `${stdout}${stderr}`).toBe(0);
  },
  (MINUTES + 7) * 60_000,
);
