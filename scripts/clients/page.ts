import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CLIENTS } from './all.ts';
import { type Client, LOSS_MODES } from './client.ts';
import type { Comparison } from './comparison.ts';
import { EXCUSED } from './excused.ts';
import { type Kept, kept } from './kept.ts';

const PAGE = fileURLToPath(new URL('../../docs/clients.md', import.meta.url));
const START = '<!-- clients: written by npm run proof:clients -- --write -->';
const END = '<!-- end of clients -->';

/**
 * Writes the table of docs/clients.md: of each client what was run last in each mode on this machine. The row of a
 * client that never ran here stays as it is.
 */
export function writePage(): void {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = page.split(START);
  const [table, after] = rest.split(END);
  const old = table.split('\n').map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
  const rows: string[][] = [];
  const missing: string[] = [];
  for (const client of CLIENTS) {
    const row = rowOf(client) ?? old.find(([cell]) => cell.startsWith(`${client.name} `));
    if (row === undefined) missing.push(`${client.name} ${client.version}`);
    else rows.push(row);
  }
  rows.sort(([a], [b]) => a.localeCompare(b));
  const lines = [...aligned(HEAD, rows), '', ...notRun(missing), ...exempt(), ...excuses()];
  writeFileSync(PAGE, `${before}${START}\n\n${lines.join('\n')}\n${END}${after}`);
}

const HEAD = ['client', 'language', 'tests', 'direct', 'off', 'returns', 'confirms', 'messages', 'last run'];

/** As the formatter aligns it. */
function aligned(head: string[], rows: string[][]): string[] {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function rowOf(client: Client): string[] | undefined {
  const modes = LOSS_MODES.map((mode) => kept(client, mode));
  const run = modes.filter((each) => each !== undefined).sort((a, b) => a.day.localeCompare(b.day));
  const last = run.at(-1);
  if (last === undefined) return undefined;
  const { passed, failed } = last.direct;
  return [
    `${client.name} ${client.version}`,
    client.language,
    client.suite,
    `${passed} pass${failed > 0 ? `, ${failed} fail` : ''}`,
    ...modes.map((each) => (each === undefined ? 'not run' : asCell(each.comparison))),
    Math.max(...run.map(({ comparison }) => comparison.messages)).toLocaleString('en'),
    days(run),
  ];
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

/** With which Tracehare, and when: of all modes, if they were not run on one day. */
function days(run: Kept[]): string {
  const all = new Set(run.map(({ tracehare, day }) => `${tracehare} on ${day}`));
  return [...all].join(', ');
}

function notRun(clients: string[]): string[] {
  return clients.length === 0 ? [] : [`In no mode have been run: ${clients.join(', ')}.`, ''];
}

function exempt(): string[] {
  return CLIENTS.filter((client) => client.exempt !== undefined).flatMap(({ name, exempt = [] }) => [
    `${name} is tested in \`confirms\` with \`loss.exempt\` for connections called ${exempt.map((each) => `\`${each}\``).join(', ')}: they publish ` +
      'first and select tx then ([loss.md](loss.md#the-first-conflict-with-a-transaction)).',
    '',
  ]);
}

/** By client and reason, for many are of one kind. */
function excuses(): string[] {
  const byReason = new Map<string, string[]>();
  for (const [client, tests] of Object.entries(EXCUSED)) {
    for (const [test, reason] of Object.entries(tests)) {
      const line = `- ${client}, ${reason}:`;
      byReason.set(line, [...(byReason.get(line) ?? []), `\`${test}\``]);
    }
  }
  return ['Excused are:', '', ...[...byReason].map(([line, tests]) => `${line} ${tests.join(', ')}`), ''];
}
