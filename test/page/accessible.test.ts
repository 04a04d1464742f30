import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, useBrowser } from './browser.ts';
import { type Scripted, startScripted } from './scripted.ts';
import { shop, VIEWS } from './shop.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let sidecar: Scripted;
beforeAll(async () => {
  sidecar = await startScripted(shop());
});
afterAll(() => sidecar.close());
useBrowser();

interface Finding {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

const combinations = [1280, 390].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ width, scheme })));

test.each(combinations)('axe finds nothing in any view, $width px wide and $scheme', async ({ width, scheme }) => {
  const page = await open(sidecar.url, { viewport: { width, height: 844 }, colorScheme: scheme });
  await page.evaluate(AXE);
  const findings: string[] = [];
  for (const [name, hash] of Object.entries(VIEWS)) {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await page.locator(`main [data-view="${name}"] :is(td, .panel, .waterfall li)`).first().waitFor();
    const { violations } = (await page.evaluate('axe.run()')) as { violations: Finding[] };
    for (const { id, nodes } of violations) {
      findings.push(...nodes.map(({ html, failureSummary }) => `${name}: ${id}: ${html}\n${failureSummary}`));
    }
  }
  expect(findings).toEqual([]);
});

test.each(Object.entries(VIEWS))(
  '%s fits a phone: nothing but tables and drawings of their own scroll sideways',
  async (_, hash) => {
    const page = await open(sidecar.url + hash, { viewport: { width: 390, height: 844 } });
    await page.locator('main :is(td, .panel, .waterfall li)').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  },
);

test('every view is reached and read with the keyboard alone, and the focus can be seen', async () => {
  const page = await open(sidecar.url);
  await page.locator('td a').first().waitFor();
  const seen: string[] = [];
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const focus = (await page.evaluate(`(() => {
      const at = document.activeElement;
      if (at === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      return { text: at.innerText || at.getAttribute('aria-label'), visible: outlineStyle !== 'none' && outlineWidth !== '0px' };
    })()`)) as { text: string; visible: boolean } | undefined;
    if (focus === undefined) break;
    expect(focus).toMatchObject({ visible: true });
    seen.push(focus.text);
  }
  expect(seen).toEqual(
    expect.arrayContaining(['Skip to content', 'Losses', 'Map', 'Search topics and pipelines', 'Topics', 'p99']),
  );
  expect(seen.filter((text) => text.startsWith('orders'))).toHaveLength(2);
  expect(seen.length).toBeLessThan(60);
});

test('a slash leads to the search, Escape empties and leaves it', async () => {
  const page = await open(sidecar.url);
  const search = page.getByRole('searchbox');
  await page.locator('td a').first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('pay');
  expect(await search.inputValue()).toBe('pay');
  await page.locator('text=1 topic').waitFor();
  await page.keyboard.press('Escape');
  expect(await search.inputValue()).toBe('');
  await page.locator('text=5 topics').waitFor();
  await page.keyboard.press('Escape');
  expect(await page.evaluate('document.activeElement === document.body')).toBe(true);
});
