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
  const old = table.split('\n').filter((line) => line.startsWith('| '));
  const rows = CLIENTS.map((client) => rowOf(client) ?? old.find((line) => line.startsWith(`| ${client.name} `)))
    .filter((row) => row !== undefined)
    .sort((a, b) => a.localeCompare(b));
  writeFileSync(PAGE, `${before}${START}\n\n${[...HEAD, ...rows, '', ...excuses()].join('\n')}\n${END}${after}`);
}

const HEAD = [
  '| client | language | tests | direct | off | returns | confirms | messages | last run |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
];

function rowOf(client: Client): string | undefined {
  const modes = LOSS_MODES.map((mode) => kept(client, mode));
  const run = modes.filter((each) => each !== undefined).sort((a, b) => a.day.localeCompare(b.day));
  const last = run.at(-1);
  if (last === undefined) return undefined;
  const { passed, failed } = last.direct;
  return `| ${[
    `${client.name} ${client.version}`,
    client.language,
    client.suite,
    `${passed} pass${failed > 0 ? `, ${failed} fail` : ''}`,
    ...modes.map((each) => (each === undefined ? 'not run' : asCell(each.comparison))),
    Math.max(...run.map(({ comparison }) => comparison.messages)).toLocaleString('en'),
    days(run),
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

/** With which Tracehare, and when: of all modes, if they were not run on one day. */
function days(run: Kept[]): string {
  const all = new Set(run.map(({ tracehare, day }) => `${tracehare} on ${day}`));
  return [...all].join(', ');
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
