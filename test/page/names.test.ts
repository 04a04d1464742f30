import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, useBrowser } from './browser.ts';
import { type Script, type Scripted, startScripted } from './scripted.ts';
import { shop, topicRow, VIEWS } from './shop.ts';

/** HTML that would run, what turns text round, what ends a line, a path and a query. */
const HOSTILE = '<img src=x onerror="document.title=1">\u202e/?&#%00\n';
const SHOWN = '<img src=x onerror="document.title=1"><U+202E>/?&#%00<U+000A>';

let sidecar: Scripted;
beforeAll(async () => {
  sidecar = await startScripted(hostileShop());
});
afterAll(() => sidecar.close());
useBrowser();

/** The shop, where an app, its queue and its user are called that. */
function hostileShop(): Script {
  const hostile = JSON.stringify(HOSTILE).slice(1, -1);
  const script: Script = JSON.parse(JSON.stringify(shop()).replaceAll('billing', hostile));
  return { ...script, topics: [topicRow(HOSTILE, 1)] };
}

test('a topic is asked for by just the name that it has on the wire, whatever that says', async () => {
  const page = await open(sidecar.url);
  await page.getByRole('link', { name: SHOWN }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(await page.title()).toBe(`${SHOWN} · orders · Tracehare`);
  const asked = sidecar.asked.filter((url) => url.startsWith('/api/topics/detail'));
  expect(new URL(asked[0], sidecar.url).searchParams.get('topic')).toBe(HOSTILE);
});

test('names from the wire are text in every view, with what is invisible made visible', async () => {
  const page = await open(sidecar.url);
  for (const [view, hash] of Object.entries(VIEWS)) {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await page.locator(`[data-view="${view}"] :is(td, .facts, .waterfall li)`).first().waitFor();
    expect(await page.locator('img').count()).toBe(0);
    const text = (await page.locator('body').textContent()) as string;
    expect(text).not.toContain('\u202e');
    if (['topics', 'topic', 'losses', 'connections', 'map'].includes(view)) expect(text).toContain('<U+202E>');
  }
});
