import { parseArgs } from 'node:util';
import { didYouMean, shown } from './nearest.ts';
import { configFile, type Setting, settings } from './settings.ts';

/** One setting as a flag or a variable gave it, its text read but not yet checked. */
export interface Given {
  setting: Setting;
  value: unknown;
  /** `--listen` or `TRACEHARE_LISTEN` */
  from: string;
}

export interface AllGiven {
  given: Given[];
  /** the configuration file's path */
  file: string | undefined;
  problems: string[];
}

/** An empty variable counts as not set: compose files and charts leave such behind. */
export function fromVariables(env: Record<string, string | undefined>): AllGiven {
  const given: Given[] = [];
  for (const setting of settings) {
    const text = env[setting.variable];
    if (text) given.push({ setting, value: read(setting, text), from: setting.variable });
  }
  return { given, file: env[configFile.variable] || undefined, problems: [] };
}

/** Variables that look like one of ours misspelt; a Service of Kubernetes named tracehare leaves others, which are fine. */
export function misspelt(env: Record<string, string | undefined>): string[] {
  const known = [configFile.variable, ...settings.map(({ variable }) => variable)];
  return Object.keys(env).flatMap((name) => {
    if (!name.startsWith('TRACEHARE_') || known.includes(name) || /_PORT|_SERVICE_/.test(name)) return [];
    const meant = didYouMean(name, known);
    return meant ? `unknown variable \`${shown(name)}\`${meant}` : [];
  });
}

const byFlag = new Map(settings.map((setting) => [setting.flag, setting]));
const booleans = settings.filter(({ kind }) => kind === 'boolean');
/** Every flag there is, with its dashes. */
export const flags = ['--help', '--version', `--${configFile.flag}`, ...settings.map(({ flag }) => `--${flag}`)];
const options = Object.fromEntries(
  [configFile, ...settings].map((setting) => {
    const type = 'kind' in setting && setting.kind === 'boolean' ? 'boolean' : 'string';
    return [setting.flag, { type } as const];
  }),
);

/** `--flag value`, `--flag=value`; `--flag`, `--no-flag` for those that are true or false. The last one counts. */
export function fromFlags(argv: readonly string[]): AllGiven {
  // Not strict: parseArgs' own errors stop at the first one and know no nearest flag.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const found = new Map<string, Given>();
  const problems: string[] = [];
  let file: string | undefined;
  let afterUnknown = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      // What follows an unknown flag was meant as its value.
      if (!afterUnknown)
        problems.push(`unexpected argument \`${shown(token.value)}\`; commands come first, as in tracehare check FILE`);
      afterUnknown = false;
      continue;
    }
    const { rawName, name } = token;
    const setting = byFlag.get(name);
    const negated = booleans.find(({ flag }) => name === `no-${flag}`);
    // A flag behind a flag is a forgotten value; one that does begin with a dash is given with `=`.
    const missing = token.value === undefined || (!token.inlineValue && token.value.startsWith('-'));
    afterUnknown = !setting && !negated && name !== configFile.flag;
    if (negated && token.value === undefined)
      found.set(negated.flag, { setting: negated, value: false, from: rawName });
    else if (setting?.kind === 'boolean')
      found.set(name, { setting, value: read(setting, token.value ?? 'true'), from: rawName });
    else if (afterUnknown) problems.push(unknownFlag(rawName));
    else if (missing) problems.push(`${rawName}: needs a value: ${rawName} ${(setting ?? configFile).placeholder}`);
    else if (setting) found.set(name, { setting, value: read(setting, token.value as string), from: rawName });
    else file = token.value;
  }
  return { given: [...found.values()], file, problems };
}

export function unknownFlag(rawName: string): string {
  return `unknown flag \`${shown(rawName)}\`${didYouMean(rawName, flags) || '; tracehare --help lists them'}`;
}

const truths: Record<string, boolean> = {
  true: true,
  1: true,
  yes: true,
  on: true,
  false: false,
  0: false,
  no: false,
  off: false,
};

/** Text that can't be read as its kind is left as it is: the check then says what was expected. */
function read({ kind }: Setting, text: string): unknown {
  if (kind === 'boolean') return Object.hasOwn(truths, text.toLowerCase()) ? truths[text.toLowerCase()] : text;
  if (kind === 'number') return number(text);
  return kind === 'list' ? text.split(',').map(number) : text;
}

function number(text: string): number | string {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : text;
}
