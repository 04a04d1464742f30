import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explained } from './explained.ts';
import type { Mutant } from './mutants.ts';
import { readResults, resultOf, sourceOf } from './results.ts';
import { ROOT, sources } from './targets.ts';

const PAGE = join(ROOT, 'docs/testing.md');
const START = '<!-- mutation: written by npm run mutate -->';
const END = '<!-- end of mutation -->';

/** Writes scores and survivors into docs/testing.md. */
export function writePage(): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(START);
  const [, after] = rest.split(END);
  writeFileSync(PAGE, `${before}${START}\n\n${section()}\n${END}${after}`);
}

function section(): string {
  const results = readResults();
  const rows: string[][] = [];
  const survivors: string[] = [];
  let [killed, run, all, open] = [0, 0, 0, 0];
  for (const file of sources()) {
    const { result, mutants } = resultOf(results, file);
    all += mutants.length;
    const ran = mutants.length - result.left.length;
    if (ran === 0) continue;
    const dead = ran - result.survived.length;
    killed += dead;
    run += ran;
    rows.push([`\`${file}\``, String(dead), String(ran), percent(dead, ran), String(mutants.length)]);
    const lines = sourceOf(file).split('\n');
    const told = result.survived.map((i) => {
      const why = explained(file, lines[mutants[i].line - 1], mutants[i]);
      if (why === undefined) open++;
      return `- line ${mutants[i].line}, ${change(mutants[i])}${why === undefined ? '' : `: ${why}`}`;
    });
    if (told.length > 0) survivors.push(`#### ${file}\n\n${told.join('\n')}`);
  }
  return [
    `${killed} of ${run} mutants were killed (${percent(killed, run)}); ${run} of ${all} have been run on the text as it`,
    `is now. Of the survivors ${open} are not explained yet.\n`,
    table(['file', 'killed', 'run', 'score', 'mutants'], rows),
    '\n### Survivors\n',
    `${survivors.join('\n\n')}\n`,
  ].join('\n');
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${Math.floor((100 * part) / whole)} %`);

/** As the formatter aligns it. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function change({ original, replacement }: Mutant): string {
  const code = (text: string) => `\`${text.replaceAll(/\s+/g, ' ').replaceAll('`', "'")}\``;
  if (replacement === ';') return `without ${code(original)}`;
  return replacement === '' ? `${code(original)} left out` : `${code(original)} → ${code(replacement)}`;
}
