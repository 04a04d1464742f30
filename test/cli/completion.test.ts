import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { tracehare } from './built.ts';

/** What bash offers behind these words, the last of them begun. */
async function completions(...words: string[]): Promise<string[]> {
  const { stdout } = await tracehare(['completion', 'bash']);
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${stdout}\nCOMP_WORDS=(tracehare ${quoted}); COMP_CWORD=${words.length}; _tracehare; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const offered = execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8', cwd: '/' });
  return offered.split('\n').filter((line) => line !== '');
}

test('bash completes commands, their words and their flags', async () => {
  expect(await completions('')).toEqual(expect.arrayContaining(['run', ...Object.keys(commands), '--listen']));
  expect(await completions('chec')).toEqual(['check']);
  expect(await completions('--upstream-tls-c')).toEqual(['--upstream-tls-ca', '--upstream-tls-cert']);
  expect(await completions('run', '--los')).toContain('--loss');
  expect(await completions('completion', '')).toEqual(['bash', 'zsh', '--help']);
  expect(await completions('check', 'etc')).toEqual(['etc']);
  expect(await completions('--config', 'etc')).toEqual(['etc']);
});

test('zsh reads the same', async () => {
  const [bash, zsh] = await Promise.all(
    ['bash', 'zsh'].map(async (shell) => (await tracehare(['completion', shell])).stdout),
  );
  expect(zsh).toBe(`autoload -U +X bashcompinit && bashcompinit\n${bash}`);
});
