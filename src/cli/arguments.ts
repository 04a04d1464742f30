import { parseArgs } from 'node:util';
import { didYouMean, shown } from '../config/nearest.ts';
import type { Arguments, Command } from './command.ts';

/** What ends a command; `message` is the one line to end with. */
export class CommandError extends Error {
  override name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A command line that can't be obeyed. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, 2);
  }
}

/** Reads a command's own arguments. Throws UsageError: parseArgs' own errors know no nearest option. */
export function readArguments(name: string, { options: known }: Pick<Command, 'options'>, argv: string[]): Arguments {
  const types = known.map((each) => [each.name, { type: each.value === undefined ? 'boolean' : 'string' }] as const);
  const { tokens } = parseArgs({
    args: argv,
    options: Object.fromEntries(types),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options: Record<string, string | true> = {};
  const lists: Record<string, string[]> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const option = known.find((each) => each.name === token.name);
    if (option === undefined || !token.rawName.startsWith('--')) {
      const names = known.map((each) => `--${each.name}`);
      const offer = didYouMean(token.rawName, [...names, '--help']) || `; tracehare ${name} --help lists them`;
      throw new UsageError(`unknown flag \`${shown(token.rawName)}\` of ${name}${offer}`);
    }
    const missing = token.value === undefined || (!token.inlineValue && token.value.startsWith('-'));
    if (option.value === undefined) {
      if (token.value !== undefined) throw new UsageError(`${token.rawName}: takes no value`);
      options[option.name] = true;
      continue;
    }
    if (missing) throw new UsageError(`${token.rawName}: needs a value: ${token.rawName} ${option.value}`);
    const value = token.value as string;
    if (option.values !== undefined && !option.values.includes(value)) {
      const offer = didYouMean(value, option.values);
      throw new UsageError(`${token.rawName}: expects ${inWords(option.values)}${offer}`);
    }
    if (option.many) lists[option.name] = [...(lists[option.name] ?? []), value];
    else options[option.name] = value;
  }
  return { options, lists, words };
}

const inWords = (words: readonly string[]): string => new Intl.ListFormat('en', { type: 'disjunction' }).format(words);
