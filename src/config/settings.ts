import { z } from 'zod';
import { type Reload, reloadOf, shortForms } from './declare.ts';
import { schema } from './schema.ts';
import { dotted, EACH } from './tree.ts';
import { placeholders } from './values.ts';

/** One key of the file, as the schema declares it. */
export interface Key {
  /** keys from the root of the file: ['drain', 'timeout'] */
  path: string[];
  /** the path in dots; a short form's key is left out: `listen` is listen.address */
  name: string;
  description: string;
  /** as written in the file; undefined: none */
  default: unknown;
  placeholder: string;
  /** must be given when its section is */
  required: boolean;
  /** of an entry's key: that of its list */
  reload: Reload;
}

/** A key with its flag and its variable. */
export interface Setting extends Key {
  /** without the dashes */
  flag: string;
  variable: string;
  /** what a flag's or variable's text is read as */
  kind: 'text' | 'number' | 'boolean' | 'list';
  /** its value is the path of a file that is read */
  isFile: boolean;
}

export interface Section {
  path: string[];
  name: string;
  description: string;
  /** the key its short form stands for */
  shortForm: string | undefined;
  /** it is a list, its keys are those of each entry: their paths have EACH behind its own */
  isList: boolean;
  required: boolean;
  /** it may be left out, which means something other than its defaults */
  isOptional: boolean;
  reload: Reload;
}

export const settings: Setting[] = [];
/** Keys within lists: only the file can hold them. */
export const listed: Key[] = [];
/** Parents before children. */
export const sections: Section[] = [];

walk(schema, [], 'restart');

function walk(keys: z.ZodObject, path: string[], above: Reload): void {
  for (const [key, type] of Object.entries(keys.shape) as [string, z.ZodType][]) {
    const below = [...path, key];
    const inner = unwrap(type);
    const entry = inner instanceof z.ZodArray ? unwrap(inner.element as z.ZodType) : undefined;
    const isList = entry instanceof z.ZodObject;
    const reload = reloadOf(type, above);
    if (inner instanceof z.ZodObject || isList) {
      const shortForm = shortForms.get(inner)?.key;
      const description = type.description ?? '';
      sections.push({
        path: below,
        name: dotted(below),
        description,
        shortForm,
        isList,
        required: isRequired(type),
        isOptional: type instanceof z.ZodExactOptional,
        reload,
      });
      if (isList) walk(entry, [...below, EACH], reload);
      else walk(inner as z.ZodObject, below, reload);
    } else if (path.includes(EACH)) listed.push({ ...describe(below, type, inner), reload });
    else settings.push({ ...describe(below, type, inner), ...given(below, inner), reload });
  }
}

function describe(path: string[], type: z.ZodType, inner: z.ZodType): Omit<Key, 'reload'> {
  return {
    path,
    name: dotted(withoutShortForm(path)),
    description: type.description ?? '',
    default: type instanceof z.ZodPrefault ? type.def.defaultValue : undefined,
    placeholder: placeholders.get(inner)?.text ?? 'VALUE',
    required: isRequired(type),
  };
}

function given(path: string[], inner: z.ZodType): Omit<Setting, keyof Key> {
  const words = withoutShortForm(path)
    .flatMap((key) => key.split(/(?=[A-Z])/))
    .map((word) => word.toLowerCase());
  return {
    flag: words.join('-'),
    variable: `TRACEHARE_${words.join('_').toUpperCase()}`,
    kind: kindOf(inner),
    isFile: placeholders.get(inner)?.text === 'FILE',
  };
}

function withoutShortForm(path: string[]): string[] {
  const parent = sections.find(({ name }) => name === dotted(path.slice(0, -1)));
  return parent !== undefined && parent.shortForm === path.at(-1) ? path.slice(0, -1) : path;
}

function isRequired(type: z.ZodType): boolean {
  return !(type instanceof z.ZodPrefault || type instanceof z.ZodExactOptional);
}

/** Without the wrappers that say what happens when the key is missing. */
function unwrap(type: z.ZodType): z.ZodType {
  const wrapped = type instanceof z.ZodPrefault || type instanceof z.ZodExactOptional;
  return wrapped ? unwrap(type.unwrap() as z.ZodType) : type;
}

function kindOf(type: z.ZodType): Setting['kind'] {
  // a word where a number could stand stays text
  if (type instanceof z.ZodNumber || type instanceof z.ZodUnion) return 'number';
  if (type instanceof z.ZodBoolean) return 'boolean';
  return type instanceof z.ZodArray ? 'list' : 'text';
}

/** The one option that the file itself can't hold. */
export const configFile = {
  flag: 'config',
  variable: 'TRACEHARE_CONFIG',
  placeholder: 'FILE',
  description: 'YAML file with any of the settings',
};

/** Lists whose entries have keys of their own: without flag and variable. */
export const lists = sections.filter(({ isList }) => isList).map(({ name }) => name);

/** A default as one would write it behind a flag. */
export function written(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}
