import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Where a wrong figure would come from. */
const SOURCES = [
  'src/amqp/*.ts',
  'src/proxy/{open-messages,publishing,delivering}/*.ts',
  'src/telemetry/{recording,loss}/*.ts',
];
const TESTS = 'test/{amqp,events,metrics,model,proxy}/**/*.test.ts';
/** They weigh memory or wait for real time: minutes in which no mutant fails that others let through. */
const SLOW = ['test/model/deliver-memory.test.ts', 'test/metrics/allocation.test.ts', 'test/proxy/paced-relay.test.ts'];

export const sources = (): string[] => globSync(SOURCES, { cwd: ROOT }).sort();

/** The tests that reach this source by imports; those by the shortest way first, for they mostly know best. */
export function testsOf(source: string): string[] {
  const tests = globSync(TESTS, { cwd: ROOT }).filter((file) => !SLOW.includes(file));
  const found = tests.flatMap((file) => {
    const distance = distanceOf(file, source);
    return distance === undefined ? [] : [{ file, distance }];
  });
  return found.sort((a, b) => a.distance - b.distance || (a.file < b.file ? -1 : 1)).map(({ file }) => file);
}

function distanceOf(from: string, to: string): number | undefined {
  const seen = new Set([from]);
  let edge = [from];
  for (let distance = 0; edge.length > 0; distance++) {
    if (edge.includes(to)) return distance;
    edge = edge.flatMap(importsOf).filter((file) => !seen.has(file) && seen.add(file));
  }
  return undefined;
}

const known = new Map<string, string[]>();

function importsOf(file: string): string[] {
  const before = known.get(file);
  if (before !== undefined) return before;
  const text = readFileSync(join(ROOT, file), 'utf8');
  const imports = [...text.matchAll(/^(?:import|export|\}) ?(?!type )[^;]*?from '(\.[^']+\.ts)';/gm)];
  const files = imports.map(([, path]) => join(dirname(file), path));
  known.set(file, files);
  return files;
}
