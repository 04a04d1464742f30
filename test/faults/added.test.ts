import { expect, onTestFinished, test } from 'vitest';
import { QueryError } from '../../src/admin/parameters.ts';
import type { Logger } from '../../src/app/log.ts';
import { Overlay } from '../../src/app/overlay.ts';
import { addedFault } from '../../src/config/added-fault.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';

const enabled: Config = loadConfig({ argv: ['--faults-enabled'], env: {} });
const disabled: Config = loadConfig({ argv: [], env: {} });

function overlay(changed: () => Promise<void> = async () => {}) {
  const said: string[] = [];
  const log = { warn: (_: object, line: string) => said.push(line), error() {} } as unknown as Logger;
  const made = new Overlay(log, changed);
  onTestFinished(() => made.close());
  return { made, said };
}

const types = ({ rules }: Config) => rules.map(({ faults = [] }) => faults.map(({ type }) => type));

test('added faults come before the rules of the configuration, the newest first; those of one match together', async () => {
  const { made } = overlay();
  const config = { ...enabled, rules: [{ match: { vhost: '/' }, faults: [{ type: 'stall', toxicity: 1 } as const] }] };
  await made.addFault({ type: 'drop', match: { exchange: 'a' } }, config, 'me');
  await made.addFault({ type: 'duplicate', match: { exchange: 'b' } }, config, 'me');
  await made.addFault({ type: 'nack', match: { exchange: 'a' } }, config, 'me');
  expect(types(made.over(config))).toEqual([['nack', 'drop'], ['duplicate'], ['stall']]);
  expect(made.faults.map(({ name }) => name)).toEqual(['drop', 'duplicate', 'nack']);
  await made.endFaults('drop', 'me');
  expect(types(made.over(config))).toEqual([['nack'], ['duplicate'], ['stall']]);
});

test('where faults are not enabled none is added, and a reload that forbids them ends those there are', async () => {
  const { made, said } = overlay();
  await expect(made.addFault({ type: 'drop' }, disabled, 'me')).rejects.toThrow(/^faults\.enabled is not true/);
  await made.addFault({ type: 'drop' }, enabled, 'me');
  expect(made.over(disabled).rules).toEqual([]);
  made.configured(disabled);
  expect(made.faults).toEqual([]);
  expect(said.at(-1)).toBe('faults that were added end: faults.enabled is no longer true');
});

test('bypass lies over what the configuration says, either way', async () => {
  const { made } = overlay();
  expect(made.over(enabled).bypass).toBe(false);
  await made.setBypass(true, 'me');
  expect(made.over(enabled).bypass).toBe(true);
  await made.setBypass(false, 'me');
  expect(made.over({ ...enabled, bypass: true }).bypass).toBe(false);
  expect(made.counts).toMatchObject({ bypass_on: 1, bypass_off: 1 });
});

test('what can not be put in force is not added; there are at most a hundred, of different names', async () => {
  const failing = overlay(async () => Promise.reject(new Error('no')));
  await expect(failing.made.addFault({ type: 'drop' }, enabled, 'me')).rejects.toThrow(QueryError);
  expect(failing.made.faults).toEqual([]);
  const { made } = overlay();
  for (let i = 0; i < 100; i++) await made.addFault({ type: 'drop' }, enabled, 'me');
  expect(new Set(made.faults.map(({ name }) => name)).size).toBe(100);
  await expect(made.addFault({ type: 'drop' }, enabled, 'me')).rejects.toThrow(/^100 faults are in force already/);
  await made.endFaults(undefined, 'me');
  await made.addFault({ type: 'drop', name: 'mine' }, enabled, 'me');
  await expect(made.addFault({ type: 'drop', name: 'mine' }, enabled, 'me')).rejects.toThrow(
    /there is a fault mine already/,
  );
});

test.each<[unknown, object]>([
  [{ type: 'drop' }, { match: { vhost: '#' }, faults: [{ type: 'drop', toxicity: 1 }] }],
  [
    { type: 'down', stream: 'upstream' },
    { match: { vhost: '#' }, faults: [{ type: 'partition', toxicity: 1, attributes: { direction: 'upstream' } }] },
  ],
  [
    { type: 'hold_settlements', stream: 'downstream', attributes: { latency: 500 } },
    { match: { side: 'consume' }, faults: [{ type: 'hold_settlements', toxicity: 1, attributes: { latency: 500 } }] },
  ],
  [{ type: 'down' }, { match: { vhost: '#' }, faults: [{ type: 'partition', toxicity: 1 }] }],
  [
    { type: 'timeout', stream: 'downstream' },
    { match: { side: 'consume' }, faults: [{ type: 'stall', toxicity: 1 }] },
  ],
  [
    { type: 'latency', toxicity: 0.5, for: '1m', attributes: { latency: 250, jitter: '1s' }, match: { queue: 'q' } },
    {
      match: { queue: 'q' },
      faults: [{ type: 'latency', toxicity: 0.5, for: 60_000, attributes: { latency: 250, jitter: 1000 } }],
    },
  ],
])('%j in the words of rules', (asked, rule) => {
  expect(addedFault(asked)).toEqual({ name: undefined, rule });
});

test.each<[unknown, RegExp]>([
  [null, /^expects an object/],
  ['drop', /^expects an object/],
  [{}, /^type: is missing/],
  [{ type: 'slicer' }, /^type: there is no "slicer"; there is latency,/],
  [{ type: 'constructor' }, /^type: there is no "constructor"/],
  [{ type: 'drop', name: '../x' }, /^name: expects letters/],
  [{ type: 'drop', stream: 'both' }, /^stream: expects upstream or downstream/],
  [{ type: 'drop', stream: 'downstream' }, /^type: drop strikes publishes/],
  [{ type: 'hold_settlements', stream: 'upstream' }, /^type: hold_settlements strikes deliveries/],
  [{ type: 'hold_settlements', attributes: { jitter: 5 } }, /^attributes.jitter: needs latency/],
  [
    { type: 'down', stream: 'upstream', attributes: { direction: 'downstream' } },
    /^attributes.direction: contradicts stream upstream/,
  ],
  [{ type: 'down', stream: 'upstream', attributes: { existing: 'cut' } }, /^attributes.direction: says which way/],
  [{ type: 'drop', stream: 'upstream', match: { side: 'consume' } }, /^match\.side: contradicts/],
  [{ type: 'drop', attributes: { latency: 1 } }, /^attributes\.latency: is no attribute of drop/],
  [{ type: 'drop', toxicity: 2 }, /^toxicity: expects a number above 0/],
  [{ type: 'drop', match: { exchange: '/(/' } }, /^match\.exchange: /],
])('%j is refused: %s', (asked, line) => {
  const found = addedFault(asked);
  expect('problems' in found && found.problems[0]).toMatch(line);
});
