import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const GENERATED = ['node_modules', 'dist', '.git', '.vitest', 'coverage', '__pycache__'];

/** Every file that fits one of the patterns, from the root on: `src/amqp/frames.ts`. */
export const files = (...patterns: string[]): string[] =>
  globSync(patterns, { cwd: ROOT, exclude: (name) => GENERATED.includes(name) }).sort();

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
export const isThere = (path: string): boolean => existsSync(join(ROOT, path));

/** The names by which GitHub links to the headings of a page. */
export function anchorsOf(markdown: string): string[] {
  return withoutCode(markdown)
    .split('\n')
    .flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? [])
    .map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
}

/** Links of a page to files of the repository: the path from the root on, and the anchor, '' for none. */
export function linksOf(page: string): { path: string; anchor: string }[] {
  return [...withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file, anchor = ''] = target.split('#');
      return { path: file === '' ? page : relative(ROOT, join(ROOT, dirname(page), file)), anchor };
    });
}

/** What stands in backticks, without code blocks. */
export const inBackticks = (markdown: string): string[] =>
  [...markdown.replaceAll(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);

const withoutCode = (markdown: string): string =>
  markdown.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '');
