import process from 'node:process';
import { flags } from '../config/given.ts';
import { UsageError } from './arguments.ts';
import type { Arguments } from './command.ts';
import { commands } from './commands.ts';

/** `tracehare completion bash|zsh`: a script for the shell to read. */
export function run({ words: [shell, ...rest] }: Arguments): void {
  if ((shell !== 'bash' && shell !== 'zsh') || rest.length > 0)
    throw new UsageError('completion needs a shell: tracehare completion bash, or zsh');
  process.stdout.write(shell === 'bash' ? BASH : `autoload -U +X bashcompinit && bashcompinit\n${BASH}`);
}

/** What may follow each command; an option's own values follow it. */
const cases = Object.entries(commands).map(([name, { words = [], options }]) => {
  const offered = [...words, ...options.map((option) => `--${option.name}`), '--help'];
  return `    ${name}) offered="${offered.join(' ')}" ;;`;
});
const values = new Map(
  Object.values(commands).flatMap(({ options }) =>
    options.flatMap(({ name, values }) => (values === undefined ? [] : [[`--${name}`, values.join(' ')] as const])),
  ),
);
const names = ['run', 'demo', 'help', ...Object.keys(commands)];

/** zsh reads it too, by its bashcompinit. A word that is none of those offered may be a file. */
const BASH = `_tracehare() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" offered
  COMPREPLY=()
  case "$before" in
${[...values].map(([flag, offered]) => `    ${flag}) COMPREPLY=($(compgen -W "${offered}" -- "$word")); return ;;`).join('\n')}
    --*file|--config|--*cert|--*key|--*ca) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" = 1 ]; then command=; fi
  case "$command" in
    "") offered="${names.join(' ')} ${flags.join(' ')}" ;;
    help) offered="${names.join(' ')}" ;;
    run|-*) offered="${flags.join(' ')}" ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$word"))
  if [ "$command" = check ]; then COMPREPLY+=($(compgen -f -- "$word")); fi
}
complete -F _tracehare tracehare
`;
