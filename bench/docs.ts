import { readFileSync, writeFileSync } from 'node:fs';
import { judge } from './run/goals.ts';
import { plot } from './run/plot.ts';
import { render, renderStartup, tables } from './run/report.ts';
import type { Results } from './run/samples.ts';

// Puts the figures of a run into docs/performance.md and its picture beside it:
//   node bench/docs.ts bench/results/reference.json

const BEGIN = '<!-- figures: node bench/docs.ts writes what follows -->';
const END = '<!-- figures end -->';
const page = new URL('../docs/performance.md', import.meta.url);
const picture = new URL('../docs/performance.svg', import.meta.url);

const file = process.argv[2];
if (file === undefined) {
  console.error('usage: node bench/docs.ts RESULTS.json');
  process.exit(2);
}
const results: Results = JSON.parse(readFileSync(file, 'utf8'));
const { date, tracehare, commit, node, haproxy, cpu, cores, kernel, batch, rounds, seconds, lockstep } = results.about;
const drawn = plot(results);

const section = [
  BEGIN,
  '',
  `Measured on ${String(date).slice(0, 10)}: Tracehare ${tracehare} (${commit}), Node ${node}, ${haproxy}, ${cores} × ${cpu}, Linux ${kernel},`,
  `${batch ? 'every proxy under SCHED_BATCH' : 'every proxy under the default scheduling class'}, ${rounds} interleaved rounds of ${seconds} s. Medians, least and most in brackets.`,
  // of a run of its own
  ...(lockstep === undefined ? [] : [`In lock-step: ${lockstep}; the least in brackets.`]),
  '',
  ...(drawn === undefined ? [] : ['![The figures as bars and lines](performance.svg)', '']),
  ...tables(results).flatMap((table) => [render(table, true), '']),
  ...(renderStartup(results) === '' ? [] : [`${capital(renderStartup(results))}.`, '']),
  'Against the goals:',
  '',
  ...judge(results).map((line) => `- ${line.replace(/\s+/g, ' ')}`),
  '',
  END,
].join('\n');

const text = readFileSync(page, 'utf8');
const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
if (begin < 0 || end < begin) throw new Error('docs/performance.md has no markers for the figures');
writeFileSync(page, text.slice(0, begin) + section + text.slice(end + END.length));
if (drawn !== undefined) writeFileSync(picture, drawn);

function capital(line: string): string {
  return line.charAt(0).toUpperCase() + line.slice(1);
}
