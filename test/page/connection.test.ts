import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../testing/wait.ts';
import { expectAway, open, useBrowser } from './browser.ts';
import { type Scripted, startScripted } from './scripted.ts';
import { ENDED, shop } from './shop.ts';

let sidecar: Scripted;
beforeEach(async () => {
  sidecar = await startScripted(shop());
});
afterEach(() => sidecar.close());
useBrowser();

const hide = (hidden: boolean): string => `
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
  document.dispatchEvent(new Event('visibilitychange'));`;

test('a page that nobody looks at is told nothing and asks for nothing, until somebody looks', async () => {
  const page = await open(`${sidecar.url}#/losses`);
  await page.locator('td a').first().waitFor();
  await until(() => sidecar.listening() === 1, 'it is told');
  await page.evaluate(hide(true));
  await page.locator('text=paused').waitFor();
  await until(() => sidecar.listening() === 0, 'nobody is told any more');
  const asked = sidecar.asked.length;
  // longer than any view waits between two requests
  await page.clock.runFor(30_000);
  expect(sidecar.asked.slice(asked)).toEqual([]);
  await page.evaluate(hide(false));
  await page.locator('text=live, 2 sidecars').waitFor();
  await until(() => sidecar.asked.slice(asked).some((url) => url.startsWith('/api/losses')), 'losses are asked for');
});

test('one stream of events serves all views, each with what it shows', async () => {
  const page = await open(sidecar.url);
  const streams = () =>
    sidecar.asked.filter((url) => url.startsWith('/api/events')).map((url) => new URL(url, sidecar.url).searchParams);
  await page.locator('td a').first().waitFor();
  expect(streams().at(-1)?.get('of')).toBe('state,topics');
  await page.getByRole('link', { name: 'Map' }).click();
  await until(() => streams().at(-1)?.get('of') === 'state', 'the map wants the state alone');
  await page.goto(`${sidecar.url}#/topic?topic=orders`);
  await until(() => streams().at(-1)?.get('topic') === 'orders', 'a topic wants its messages');
  await until(() => sidecar.listening() === 1, 'there is one stream');
});

test('messages that end stand still while someone points at them, and go on afterwards', async () => {
  const page = await open(`${sidecar.url}#/topic?topic=orders`);
  const rows = page.locator('table[aria-label="Messages as they end"] tbody tr');
  const tell = (routingKey: string) => sidecar.tell('messages', { ...ENDED, routingKey });
  await until(() => sidecar.asked.some((url) => url.includes('of=state%2Cmessages')), 'messages are wanted');
  await page.getByText('None since this page is open.').waitFor();
  tell('first');
  await rows.filter({ hasText: 'first' }).hover();
  await page.getByText('They stand still').waitFor();
  tell('second');
  await page.clock.runFor(5_000);
  expect(await rows.count()).toBe(1);
  await page.mouse.move(0, 0);
  await rows.filter({ hasText: 'second' }).waitFor();
});

test('where the sidecar does not know its token any more, the page says what to do, and does not try it over and over', async () => {
  expectAway();
  const page = await open(sidecar.url);
  await page.locator('text=live, 2 sidecars').waitFor();
  sidecar.refuse(true);
  await page.locator('text=Load it again to log in').waitFor();
  const tries = () => sidecar.asked.filter((url) => url.startsWith('/api/events')).length;
  const before = tries();
  await page.clock.runFor(30_000);
  expect(tries()).toBe(before);
});
