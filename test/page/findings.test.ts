import { afterEach, beforeEach, expect, test } from 'vitest';
import { open, rowsOf, useBrowser } from './browser.ts';
import { type Scripted, startScripted } from './scripted.ts';
import { LOST_TRACE, shop, VIEWS } from './shop.ts';

let sidecar: Scripted;
beforeEach(async () => {
  sidecar = await startScripted(shop());
});
afterEach(() => sidecar.close());
useBrowser();

test('a finding says who does what, how that is known, and what to do; the navigation counts them', async () => {
  const page = await open(sidecar.url);
  await page.getByRole('link', { name: 'Findings 3' }).click();
  const finding = page.locator('.findings li', { hasText: 'unlimited prefetch' });
  await finding.waitFor();
  const text = await finding.textContent();
  for (const part of [
    'stock',
    'orders.stock',
    'held 1200 unsettled',
    'basic.qos',
    'vhost shop',
    'payments@10.0.3.9:5673',
  ])
    expect(text).toContain(part);
  await page.getByRole('searchbox').fill('churn');
  await page.locator('text=1 of 2 findings').waitFor();
  expect(await page.locator('.findings li').count()).toBe(1);
});

test('a poisonous message leads to its trace, and that to what it comes of', async () => {
  const page = await open(sidecar.url + VIEWS.findings);
  await page.locator('[aria-label="Poisonous messages"] td').first().waitFor();
  expect(await rowsOf(page, 'Poisonous messages')).toEqual([
    expect.objectContaining({ Queue: 'orders.billing', Topic: 'orders', 'Message id': 'order-4711', Attempts: '17' }),
  ]);
  await page.locator('text=2 others had to make room').waitFor();
  await page.getByRole('link', { name: `trace ${LOST_TRACE.slice(0, 8)}` }).click();
  await page.locator('.waterfall li', { hasText: 'attempt 3' }).waitFor();
  const figure = page.locator('.figure', { hasText: 'Comes of' });
  expect(await figure.textContent()).toContain('only open delivery');
  await page.getByRole('button', { name: /publish payments/ }).click();
  await page.locator('dt', { hasText: 'comes of (only open delivery)' }).waitFor();
  expect(await figure.getByRole('link').getAttribute('href')).toBe('#/trace/c0ffee00577b34da6a3ce929d0e0e473');
});

test('without findings there is no badge, and the view says so', async () => {
  const script = shop();
  const { sidecars } = script.state;
  Object.assign(script.answers, {
    findings: { sidecars, findings: [] },
    poison: { sidecars, messages: [], dropped: 0 },
  });
  await sidecar.close();
  sidecar = await startScripted(script);
  const page = await open(sidecar.url + VIEWS.findings);
  await page.locator('text=nothing looks like a mistake').waitFor();
  expect(await page.locator('nav .badge').count()).toBe(0);
});

test("a topic's page says who waits, what an app does with its deliveries, and how questions are answered", async () => {
  const page = await open(sidecar.url + VIEWS.topic);
  const billing = page.locator('table.plain tr', { hasText: 'orders.billing' });
  await billing.waitFor();
  expect((await billing.locator('td').allTextContents()).map((text) => text.trim())).toEqual([
    '42 s',
    '20',
    '71.4 ms',
    '61.2 ms',
    '10.2 ms',
    '1',
  ]);
  const stock = page.locator('table.plain tr', { hasText: 'orders.stock' });
  expect((await stock.locator('td').allTextContents()).slice(3, 5)).toEqual(['–', '–']);
  const figure = (label: string) => page.locator(`.figure:has(dt:text-is("${label}")) dd`).textContent();
  expect([await figure('Retried'), await figure('No answer'), await figure('Late answers')]).toEqual(['28', '7', '2']);
  expect(await figure('Answers p95')).toBe('102 ms');
});
