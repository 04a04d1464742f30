import { expect, test } from 'vitest';
import { faultTypes } from '../../src/faults/spec.ts';
import { LOSS_REASONS } from '../../src/telemetry/loss/loss.ts';
import { textOf } from './pages.ts';

/** The first column of the tables under a heading, without backticks. */
function listed(page: string, heading: string): string[] {
  const section = textOf(page).split(`\n## ${heading}\n`)[1].split('\n## ')[0];
  return [...section.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name);
}

test('docs/loss.md tells of each reason of a loss, and of no other', () => {
  expect(listed('docs/loss.md', 'Reasons of losses').sort()).toEqual([...LOSS_REASONS].sort());
});

test('docs/faults.md tells of each fault, and of no other', () => {
  expect(listed('docs/faults.md', 'Types').sort()).toEqual(Object.keys(faultTypes).sort());
});
