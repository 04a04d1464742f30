import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { open, rowsOf, useBrowser } from './browser.ts';
import { type Scripted, startScripted } from './scripted.ts';
import { shop, topicRow } from './shop.ts';

const TOPICS = 5000;
/** Rows of a window of 800 px, and those above and below that are drawn in advance. */
const MOST_ROWS = 60;

let sidecar: Scripted;
const topics = Array.from({ length: TOPICS }, (_, i) =>
  topicRow(`topic.${String(i).padStart(4, '0')}`, i, { published: i }),
);
beforeAll(async () => {
  sidecar = await startScripted({ ...shop(), topics });
});
afterAll(() => sidecar.close());
useBrowser();

interface Scroller {
  scrollHeight: number;
  scrollTo(x: number, y: number): void;
}
const rows = (page: Awaited<ReturnType<typeof open>>) => page.locator('tbody tr:not(.gap)');

test('of 5,000 topics only those in sight are asked for and in the document, wherever one scrolls to', async () => {
  const page = await open(sidecar.url);
  await page.locator('text=5,000 topics').waitFor();
  await page.locator('text=topic.4999').waitFor();
  expect(await rows(page).count()).toBeLessThan(MOST_ROWS);
  const scroller = page.locator('section.scroll');
  expect(await scroller.evaluate(({ scrollHeight }: Scroller) => scrollHeight)).toBeGreaterThan(TOPICS * 30);

  await scroller.evaluate((each: Scroller) => each.scrollTo(0, each.scrollHeight / 2));
  await page.locator('text=topic.2500').waitFor();
  expect(await rows(page).count()).toBeLessThan(MOST_ROWS);
  await scroller.evaluate((each: Scroller) => each.scrollTo(0, each.scrollHeight));
  await page.locator('text=topic.0000').waitFor();
  expect(await rows(page).count()).toBeLessThan(MOST_ROWS);
  const limits = sidecar.asked.flatMap((url) => /limit=(\d+)/.exec(url)?.[1] ?? []);
  expect(Math.max(...limits.map(Number))).toBeLessThanOrEqual(500);
});

test('they are sorted and searched over all, not over what is in the document', async () => {
  const page = await open(sidecar.url);
  await page.locator('text=topic.4999').waitFor();
  await page.getByRole('button', { name: 'Topic', exact: true }).click();
  await page.locator('text=topic.0000').waitFor();
  expect((await rowsOf(page, 'Topics'))[0].Topic).toContain('topic.0000');
  await page.getByRole('searchbox').fill('123');
  await page.locator('text=15 topics').waitFor();
  await until(async () => (await rows(page).count()) === 15, 'all that match are shown');
  expect((await rowsOf(page, 'Topics')).map(({ Topic }) => Topic)).toSatisfy((names: string[]) =>
    names.every((name) => name.includes('123')),
  );
});

test('a text that is selected stays selected while figures change, and its row stays where it is', async () => {
  const page = await open(sidecar.url);
  const name = page.locator('td a b', { hasText: 'topic.4998' });
  await name.waitFor();
  await page.evaluate(`getSelection().selectAllChildren([...document.querySelectorAll('td b')]
    .find((each) => each.textContent === 'topic.4998'))`);
  const before = await rowsOf(page, 'Topics');
  const key = (i: number) => JSON.stringify([topics[i].topic, topics[i].pipeline]);
  const changed = { ...topics[4998], published: 99_000 };
  const order = [key(4998), key(4999), ...Array.from({ length: 118 }, (_, i) => key(4997 - i))];
  const line = { startAt: Date.now() - 900_000, stepMs: 10_000, points: 90 };
  sidecar.tell('topics', { sidecars: [], at: Date.now(), matching: TOPICS, line, order, topics: [changed] });
  await page.locator('td', { hasText: /^99k/ }).waitFor();
  expect(await page.evaluate('String(getSelection())')).toBe('topic.4998');
  const after = await rowsOf(page, 'Topics');
  expect(after.map(({ Topic }) => Topic)).toEqual(before.map(({ Topic }) => Topic));
});
