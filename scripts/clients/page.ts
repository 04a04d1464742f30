import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Client } from './client.ts';
import { type Comparison, count } from './comparison.ts';
import { EXCUSED } from './excused.ts';
import type { Run } from './runs.ts';

export interface Row {
  client: Client;
  direct: Run;
  comparisons: Comparison[];
}

const PAGE = fileURLToPath(new URL('../../docs/clients.md', import.meta.url));
const START = '<!-- clients: written by npm run proof:clients -- --write -->';
const END = '<!-- end of clients -->';

/** Writes the rows of what was run into the table of docs/clients.md; others stay. */
export function writePage(rows: Row[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(START);
  const [table, after] = rest.split(END);
  const lines = new Map(
    table
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| client') && !line.startsWith('| ---'))
      .map((line) => [line.split('|')[1].trim().split(' ')[0], line]),
  );
  for (const row of rows) lines.set(row.client.name, asLine(row));
  const sorted = [...lines].sort(([a], [b]) => a.localeCompare(b)).map(([, line]) => line);
  writeFileSync(PAGE, `${before}${START}\n\n${[...HEAD, ...sorted, '', ...excuses()].join('\n')}\n${END}${after}`);
}

const HEAD = [
  '| client | language | tests | direct | off | returns | confirms | messages |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
];

function asLine({ client, direct, comparisons }: Row): string {
  const passed = count(direct.results, 'passed');
  const failed = count(direct.results, 'failed');
  const cells = ['off', 'returns', 'confirms'].map((mode) => {
    const comparison = comparisons.find(({ way }) => way === mode);
    return comparison === undefined ? 'not run' : asCell(comparison);
  });
  const messages = Math.max(...comparisons.map((comparison) => comparison.messages));
  return `| ${[
    `${client.name} ${client.version}`,
    client.language,
    client.suite,
    `${passed} pass${failed > 0 ? `, ${failed} fail` : ''}`,
    ...cells,
    messages.toLocaleString('en'),
  ].join(' | ')} |`;
}

function asCell({ broken, excused, timing, unsteady, troubles }: Comparison): string {
  const parts = [
    broken.length > 0 && `**${broken.length} broken**`,
    troubles.length > 0 && `**${troubles.length} troubles**`,
    excused.length > 0 && `${excused.length} excused`,
    timing.length > 0 && `${timing.length} alone only`,
    unsteady.length > 0 && `${unsteady.length} unsteady`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? 'the same' : parts.join(', ');
}

function excuses(): string[] {
  const all = Object.entries(EXCUSED).flatMap(([client, tests]) =>
    Object.entries(tests).map(([test, reason]) => `- ${client}: \`${test}\`: ${reason}`),
  );
  return all.length === 0 ? [] : ['Excused are:', '', ...all, ''];
}
