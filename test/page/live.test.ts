import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Shop, startShop } from '../../testing/shop.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { expectAway, open, rowsOf, useBrowser } from './browser.ts';

let vhost: Vhost;
let shop: Shop;
beforeEach(async () => {
  vhost = await createVhost();
  shop = await startShop({ url: vhost.url, broker: vhost.port });
});
afterEach(async () => {
  await shop.stop();
  await vhost.remove();
});
// its pages are closed before their sidecar
useBrowser();

const url = (view = ''): string => `http://127.0.0.1:${shop.orders.adminPort}/${view}`;
const topicRow = async (page: Page, topic: string) =>
  (await rowsOf(page, 'Topics')).find(({ Topic }) => Topic.startsWith(`${topic} `));
const figure = (text: string | null): number => Number(text?.replace(/[^\d.]/g, ''));

test('figures of both sides of the shop come by themselves, and go on', async () => {
  const page = await open(url());
  await page.locator('text=live, 2 sidecars').waitFor();
  const flowing = await until(async () => {
    const row = await topicRow(page, 'orders');
    return row && figure(row.Published) > 0 && figure(row.Consumed) > 0 && /\d [µm]?s$/.test(row.p95) && row;
  }, 'orders flow, with their latency');
  await until(async () => (await topicRow(page, 'orders'))?.Published !== flowing.Published, 'the rate is another one');
  expect(await page.title()).toBe('Topics · orders · Tracehare');
  expect((await rowsOf(page, 'Topics')).map(({ Topic }) => Topic.split(' ')[0]).sort()).toEqual([
    'mails',
    'orders',
    'payments',
  ]);
  await until(async () => {
    const state = await (await shop.orders.admin('/api/state?own=1')).json();
    const shown = figure(await page.locator('.figure:has(dt:text-is("Lost")) dd').textContent());
    return state.lost > 0 && shown >= state.lost;
  }, 'losses are counted');
});

test('from a topic to a lost message to its waterfall, over both sidecars', async () => {
  const page = await open(url());
  await page.getByRole('link', { name: /^orders / }).click();
  await page.getByRole('heading', { level: 1, name: /^orders/ }).waitFor();
  await page.getByRole('link', { name: 'rejected' }).click();
  await page.locator('text=/[1-9]\\d* match/').waitFor();
  const [loss] = await rowsOf(page, 'Losses');
  expect(loss).toMatchObject({ Reason: 'rejected', App: 'billing' });
  expect(loss.Message).toBe('orders → order.created → orders.billing');

  await page.locator('td a.id').first().click();
  const spans = page.locator('.waterfall li');
  await spans.filter({ hasText: 'process orders' }).filter({ hasText: 'lost' }).first().waitFor();
  await spans.filter({ hasText: 'publish orders' }).first().waitFor();
  const texts = await spans.locator('.what').allInnerTexts();
  expect(texts[0]).toBe('publish orders orders');
  expect(texts).toContain('process orders payments');
  const lost = spans.filter({ hasText: 'lost' }).first();
  await lost.locator('dt', { hasText: 'error.type' }).waitFor();
  expect(await lost.textContent()).toContain('rejected');
  expect(await page.evaluate('document.querySelectorAll(".waterfall .track i.consumer").length')).toBeGreaterThan(0);
});

test('after a restart of the sidecar it says that it reconnects, and then shows the new one', async () => {
  expectAway();
  const page = await open(url());
  await page.locator('text=live, 2 sidecars').waitFor();
  await until(async () => topicRow(page, 'orders'), 'orders are shown');
  await shop.orders.kill();
  await page.locator('text=reconnecting…').waitFor();
  await page.locator('text=does not answer').waitFor();
  expect(await topicRow(page, 'orders')).toBeDefined();
  await shop.restart();
  await page.locator('text=live, 2 sidecars').waitFor();
  await until(async () => {
    const row = await topicRow(page, 'orders');
    return row && figure(row.Published) > 0;
  }, 'orders flow through the new one');
  await page.locator('text=does not answer').waitFor({ state: 'detached' });
});

test('two sidecars are one page: both halves of the map, all connections, and which one is missing', async () => {
  expectAway();
  const page = await open(url('#/map'));
  const node = (name: string) => page.locator('.node', { has: page.locator(`title:text-matches("${name}( |$)")`) });
  for (const name of ['app order-api', 'exchange orders', 'queue orders.billing', 'app billing', 'app mailer']) {
    await node(name).waitFor();
  }
  await until(async () => {
    const ways = await rowsOf(page, 'Who talks to whom');
    const said = ways.map(({ From, To }) => `${From} > ${To}`.replace(/\s+/g, ' '));
    return [
      'app order-api > exchange orders',
      'exchange orders > queue orders.billing',
      'queue orders.billing > app billing',
    ].every((way) => said.includes(way));
  }, 'the way of an order stands in the table');

  await page.getByRole('link', { name: 'Connections' }).click();
  await until(async () => {
    const apps = (await rowsOf(page, 'Connections')).map(({ App }) => App.split(' ')[0]).sort();
    return apps.join() === 'billing,mailer,order-api,stock';
  }, 'the connections of both are listed');
  await page.getByRole('link', { name: /^billing/ }).click();
  await until(async () => {
    const [channel] = await rowsOf(page, 'Channels');
    return channel?.Prefetch === '20' && channel.Consumers.startsWith('orders.billing');
  }, 'the channel of billing says what it consumes');

  await page.getByRole('link', { name: 'Sidecars' }).click();
  await page.getByRole('heading', { name: /^orders@/ }).waitFor();
  await page.getByRole('heading', { name: /^payments@/ }).waitFor();
  await shop.payments.kill();
  await page.locator('.notices .bad', { hasText: /^Without/ }).waitFor();
  await page.locator('text=live').first().waitFor();
});

test('what an app does wrong, and a message that no consumer gets done with, with its trace', async () => {
  const page = await open(url('#/findings'));
  await page.locator('.findings li', { hasText: 'nothing bound' }).filter({ hasText: 'order-api' }).waitFor();

  const app = await connect(vhost.url(shop.payments.port));
  const channel = await app.createChannel();
  await channel.assertQueue('parcels');
  await channel.prefetch(1);
  // as many rounds as are a story, not as many as there is room for
  await channel.consume('parcels', (message) => {
    const giveBack = () => message && channel.nack(message, false, true);
    // the last one comes back to a channel that is closed
    void pause(100)
      .then(giveBack, () => {})
      .catch(() => {});
  });
  channel.sendToQueue('parcels', Buffer.from('broken'), { messageId: 'parcel-1' });
  const poison = await until(
    async () =>
      (await rowsOf(page, 'Poisonous messages')).find((row) => row.Queue === 'parcels' && figure(row.Attempts) > 5),
    'the message is named as poisonous',
  );
  expect(poison).toMatchObject({ Topic: 'parcels', 'Message id': 'parcel-1' });
  await page.locator('nav .badge').waitFor();
  await page.locator('[aria-label="Poisonous messages"] td a.id').first().click();
  await page.locator('.waterfall li', { hasText: 'attempt' }).first().waitFor();
  await page.locator('.waterfall li', { hasText: 'publish parcels' }).first().waitFor();
  await app.close();
});
