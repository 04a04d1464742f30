import type { z } from 'zod';
import type { ConfigFile } from './file.ts';
import { didYouMean, shown } from './nearest.ts';
import { listed, sections, settings } from './settings.ts';
import { dotted, EACH } from './tree.ts';

/** Where the values under check are from. */
export interface Sources {
  file: ConfigFile | undefined;
  /** dotted path of a setting → the flag or variable it is from; the file's own are not listed */
  origins: Map<string, string>;
}

interface Placed {
  line: string;
  offset: number;
}

/** What the check found, as one line each, in the file's order, flags and variables after it. */
export function problemsOf(issues: z.core.$ZodIssue[], sources: Sources): string[] {
  const found = issues.flatMap((issue): Placed[] => {
    if (issue.code !== 'unrecognized_keys') return [placed(issue.path, issue.message, sources)];
    return issue.keys.map((key) => unknownKey(issue.path, key, sources));
  });
  return found.sort((a, b) => a.offset - b.offset).map(({ line }) => line);
}

/** One problem with the value at `path`, told where it was given. */
export function problemAt(path: PropertyKey[], message: string, sources: Sources): string {
  return placed(path, message, sources).line;
}

/** Whether anybody gave the value at `path`: it is no default. */
export function isGiven(path: PropertyKey[], { file, origins }: Sources): boolean {
  if ([...origins.keys()].some((given) => isAtOrBelow(path.join('.'), given))) return true;
  if (file === undefined) return false;
  const written = asWritten(path, file);
  return file.locate(written, 'value').depth === written.length;
}

function placed(path: PropertyKey[], message: string, { file, origins }: Sources): Placed {
  const afterFile = Number.MAX_VALUE;
  for (const [given, from] of origins)
    if (isAtOrBelow(path.join('.'), given)) return { line: `${from}: ${message}`, offset: afterFile };
  const written = file ? asWritten(path, file) : path;
  const place = file?.locate(written, 'value');
  if (place?.depth === written.length) {
    const name = written.length === 0 ? '' : `${named(written)}: `;
    return { line: `${place.at}: ${name}${message}`, offset: place.offset };
  }
  // Neither given nor in the file, and defaults are right: a key that its section needs.
  const section = path.slice(0, -1).join('.');
  const sibling = [...origins].find(([given]) => isAtOrBelow(given, section))?.[1];
  const setting = settings.find(({ path: known }) => known.join('.') === path.join('.'));
  const otherwise = setting === undefined ? '' : ` (or --${setting.flag}, or ${setting.variable})`;
  const line = `${sibling ?? place?.at}: ${named(path)}: is missing${otherwise}`;
  return { line, offset: sibling === undefined ? (place?.offset ?? afterFile) : afterFile };
}

function isAtOrBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`);
}

/** In the file, a short form's key is not there: the address at `listen.address` stands at `listen`. */
function asWritten(path: PropertyKey[], file: ConfigFile): PropertyKey[] {
  const declared = path.map((key) => (typeof key === 'number' ? EACH : key));
  const short = sections.find(
    ({ path: { length }, name, shortForm }) =>
      shortForm !== undefined && declared[length] === shortForm && dotted(declared.slice(0, length)) === name,
  );
  if (short === undefined) return path;
  const { length } = short.path;
  if (file.locate(path.slice(0, length + 1), 'value').depth === length + 1) return path;
  return path.toSpliced(length, 1);
}

function unknownKey(path: PropertyKey[], key: string, { file }: Sources): Placed {
  const place = file?.locate([...path, key], 'key');
  const declared = dotted(path.map((each) => (typeof each === 'number' ? EACH : each)));
  const known = [...sections, ...settings, ...listed].map((each) => each.path);
  const siblings = known.filter((each) => dotted(each.slice(0, -1)) === declared).map((each) => each[each.length - 1]);
  const elsewhere = known.filter((each) => each[each.length - 1] === key).map((each) => dotted(each));
  // what was forgotten on the way down is likelier than a place far off
  const likely = elsewhere.find((each) => each.startsWith(`${declared}.`)) ?? elsewhere[0];
  const meant = didYouMean(key, siblings) || (likely ? `, did you mean \`${likely}\`?` : '');
  const offer = meant || `; known here: ${siblings.join(', ')}`;
  const where = path.length === 0 ? '' : `${named(path)}: `;
  return { line: `${place?.at}: ${where}unknown key \`${shown(key)}\`${offer}`, offset: place?.offset ?? 0 };
}

function named(path: readonly PropertyKey[]): string {
  return dotted(path, shown);
}
