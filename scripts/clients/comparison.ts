import type { Client, Outcome, Results, Way } from './client.ts';
import { reasonFor } from './excused.ts';
import type { Alone, Run } from './runs.ts';

/** What one loss mode did to a client's tests. */
export interface Comparison {
  way: Way;
  passed: number;
  excused: string[];
  /** failed at first, but not alone */
  timing: string[];
  /** passes direct, and through a sidecar neither beside others nor alone */
  broken: string[];
  /** that failed alone without a sidecar too: says nothing */
  unsteady: string[];
  troubles: string[];
  messages: number;
}

/** Runs the client's tests on a way: all, or only some. */
export type Runner = (way: Way, alone?: Alone) => Promise<Run>;

/** Test by test: what passes direct has to pass through the sidecar, if need be alone. */
export async function compare(client: Client, direct: Run, way: Way, run: Runner): Promise<Comparison> {
  const through = await run(way);
  const differing = failing(direct.results, through.results);
  const excused = differing.filter((test) => reasonFor(client.name, test) !== undefined);
  const suspects = differing.filter((test) => !excused.includes(test));
  const [timing, broken, unsteady]: string[][] = [[], [], []];
  if (suspects.length > 0) {
    // the machine may be busy, and many suites take a late answer for none
    const directAlone = await run('direct', { only: suspects, comparing: way });
    const throughAlone = await run(way, { only: suspects, comparing: way });
    for (const test of suspects) {
      const alone = {
        direct: directAlone.results[test] ?? 'not run',
        through: throughAlone.results[test] ?? 'not run',
      };
      console.log(
        `  ${client.name} ${way}: ${test}\n    beside others: direct ${direct.results[test]}, through ` +
          `${through.results[test] ?? 'not run'}; alone: direct ${alone.direct}, through ${alone.through}`,
      );
      if (alone.through === 'passed') timing.push(test);
      else if (alone.direct === 'passed') broken.push(test);
      else unsteady.push(test);
    }
  }
  const { published, delivered, troubles } = through.sidecar as NonNullable<Run['sidecar']>;
  return {
    way,
    passed: count(through.results, 'passed'),
    excused,
    timing,
    broken,
    unsteady,
    // A suite none of whose messages came by has proven nothing.
    troubles: published + delivered > 0 ? troubles : [...troubles, 'the sidecar saw no message of these tests'],
    messages: published + delivered,
  };
}

export function count(results: Results, outcome: Outcome): number {
  return Object.values(results).filter((each) => each === outcome).length;
}

function failing(direct: Results, through: Results): string[] {
  return Object.keys(direct).filter((test) => direct[test] === 'passed' && through[test] !== 'passed');
}
