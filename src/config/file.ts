import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { shown } from './nearest.ts';

/** A YAML file as plain values, with the way back from a key to its place. */
export interface ConfigFile {
  /** null for an empty file */
  content: unknown;
  /** `file:line:column: what is wrong` of everything that makes `content` untrue */
  problems: string[];
  /** Where the value (or the key itself) at `path` is, or the nearest there is above it. */
  locate(path: readonly PropertyKey[], part: 'value' | 'key'): Place;
}

export interface Place {
  /** `file:line:column` */
  at: string;
  /** position in the file, for sorting */
  offset: number;
  /** how many keys of the path are in the file */
  depth: number;
}

/** Node's error for a file that can't be read, as one line's end. */
export function unreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'not readable: permission denied';
  return code === 'EISDIR' ? 'is a directory' : `not readable: ${code ?? (error as Error).message}`;
}

/** Never throws on any text. */
export function parseConfigFile(name: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const problems = [...document.errors, ...document.warnings].map(
    ({ pos, code, message }) =>
      `${at(pos[0])}: ${code === 'MULTIPLE_DOCS' ? 'expects one document' : oneLine(message)}`,
  );
  let content: unknown = null;
  if (problems.length === 0) {
    problems.push(...duplicateKeys(document, at));
    try {
      content = document.toJS();
    } catch (error) {
      problems.push(`${at(0)}: ${oneLine((error as Error).message)}`);
    }
  }
  const locate = (path: readonly PropertyKey[], part: 'value' | 'key') => {
    const { offset, depth } = find(document, path, part);
    return { at: at(offset), offset, depth };
  };
  return { content, problems, locate };
}

function duplicateKeys(document: Document, at: (offset: number) => string): string[] {
  const problems: string[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value))
          problems.push(`${at(key.range?.[0] ?? 0)}: duplicate key \`${shown(String(key.value))}\``);
        seen.add(key.value);
      }
    },
  });
  return problems;
}

function find(document: Document, path: readonly PropertyKey[], part: 'value' | 'key') {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  let depth = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.findLast((item) => isScalar(item.key) && item.key.value === key);
      if (!pair) break;
      const last = part === 'key' && depth === path.length - 1;
      next = last ? pair.key : (pair.value ?? pair.key);
    } else if (isSeq(node)) next = node.items[Number(key)];
    if (!next) break;
    node = next as Node;
    offset = node.range?.[0] ?? offset;
    depth++;
  }
  return { offset, depth };
}

function oneLine(message: string): string {
  return message.replace(/\s*\n\s*/g, ' ').replace(/[:.]?\s*$/, '');
}
