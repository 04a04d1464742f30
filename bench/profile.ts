import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The part of a .cpuprofile that is read here; times are microseconds. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

export interface Line {
  /** function, file and line */
  where: string;
  /** share of the time the thread was not idle, 0 to 1 */
  self: number;
  /** with everything it called */
  total: number;
}

/** Functions by their own time, the dearest first. */
export function summarise(file: string): { busySeconds: number; lines: Line[] } {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const self = new Map<number, number>();
  samples.forEach((id, i) => {
    self.set(id, (self.get(id) ?? 0) + timeDeltas[i]);
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const lines = new Map<string, Line>();
  let busy = 0;
  // a recursive function counts once per sample: `open` are the names on the way down
  const walk = (id: number, open: ReadonlySet<string>): number => {
    const node = byId.get(id) as Profile['nodes'][number];
    const where = nameOf(node.callFrame);
    const own = self.get(id) ?? 0;
    const below = open.has(where) ? open : new Set([...open, where]);
    let total = own;
    for (const child of node.children ?? []) total += walk(child, below);
    if (where === '(idle)') return 0;
    busy += own;
    const line = lines.get(where) ?? { where, self: 0, total: 0 };
    line.self += own;
    if (!open.has(where)) line.total += total;
    lines.set(where, line);
    return total;
  };
  walk(nodes[0].id, new Set());
  return {
    busySeconds: busy / 1e6,
    lines: [...lines.values()]
      .map(({ where, self, total }) => ({ where, self: self / busy, total: total / busy }))
      .sort((a, b) => b.self - a.self),
  };
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const file = url.replace(/^.*\/((?:src|dist|bench)\/)/, '$1').replace(/^file:\/\//, '');
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

export const profilesIn = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((name) => name.endsWith('.cpuprofile'))
        .map((name) => join(path, name))
    : [path];

export function printProfile(file: string, count = 25): void {
  const { busySeconds, lines } = summarise(file);
  console.log(`${file}: ${busySeconds.toFixed(2)} s busy\n   self  total`);
  for (const { where, self, total } of lines.slice(0, count)) {
    console.log(`${percent(self)} ${percent(total)}  ${where}`);
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`.padStart(6);

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv[2] === undefined) {
    console.error('usage: node bench/profile.ts FILE.cpuprofile|FOLDER [LINES]');
    process.exit(2);
  }
  for (const file of profilesIn(process.argv[2])) printProfile(file, Number(process.argv[3] ?? 25));
}
