import type { Command } from './command.ts';

/** Every command but `run`, which main.ts starts itself because it is to start soon: an entry here is all it takes. */
export const commands: Readonly<Record<string, Command>> = {
  check: {
    summary: 'check configuration files',
    usage: 'FILE…',
    options: [],
    more: `Checks configuration files, each alone and without the flags and variables of this shell, and the
files that they name. - is standard input.

Exit codes: 0 all are right; 1 one is wrong, with a line on stderr for each error, as
file:line:column: path: what is wrong; 2 called wrongly.`,
    load: () => import('./check.ts'),
  },
  completion: {
    summary: 'print what completes command lines in bash or zsh',
    usage: 'bash|zsh',
    words: ['bash', 'zsh'],
    options: [],
    more: `In ~/.bashrc:  eval "$(tracehare completion bash)"
In ~/.zshrc:   eval "$(tracehare completion zsh)"   (behind compinit)`,
    load: () => import('./completion.ts'),
  },
};
