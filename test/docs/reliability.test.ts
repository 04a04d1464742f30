import { expect, test } from 'vitest';
import { files, inBackticks, isThere, textOf } from './pages.ts';

const PAGE = 'docs/reliability.md';
const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
const commands = [...new Set(inBackticks(textOf(PAGE)).filter((each) => /^(npm|npx) /.test(each)))];

test.each(commands)('%s is a command that there is', (command) => {
  const [, script] = /^npm (?:run )?([\w:]+)/.exec(command) ?? [];
  const [, proof] = /^npm run proof:faults -- ([\w-]+)$/.exec(command) ?? [];
  const [, path] = /^npx vitest run (\S+)$/.exec(command) ?? [];
  expect(script !== undefined || path !== undefined).toBe(true);
  if (script !== undefined) expect(Object.keys(scripts)).toContain(script);
  if (proof !== undefined) expect(isThere(`test/reliability/${proof}.proof.ts`)).toBe(true);
  if (path !== undefined) expect(isThere(path)).toBe(true);
});

test('every proof stands on the page', () => {
  const proofs = files('test/reliability/*.proof.ts').map((path) => path.replace(/^.*\/(.*)\.proof\.ts$/, '$1'));
  expect(proofs.length).toBeGreaterThan(5);
  expect(proofs.filter((name) => !commands.includes(`npm run proof:faults -- ${name}`))).toEqual([]);
});
