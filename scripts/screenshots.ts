// Takes the pictures of the live page in docs/, of a small shop that really runs: `npm run screenshots`.
//
//   node scripts/screenshots.ts [FOLDER [SECONDS]]
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';
import { startRabbitMQ } from '../testing/rabbitmq.ts';
import { type Shop, startShop } from '../testing/shop.ts';
import { commandPath, provision } from './provision.mjs';

const FOLDER = process.argv[2] ?? fileURLToPath(new URL('../docs', import.meta.url));
/** So long the shop runs before: the lines go back a quarter of an hour. */
const SECONDS = Number(process.argv[3] ?? 300);

const FAULT = `
faults: { enabled: true }
rules:
  - match: { exchange: orders }
    faults: [{ type: latency, toxicity: 0.1, attributes: { latency: 40ms, jitter: 30ms } }]
`;

interface Picture {
  name: string;
  width: number;
  height: number;
  scheme: 'light' | 'dark';
  show(page: Page, url: string): Promise<void>;
}

const view =
  (path: string, ready: string) =>
  async (page: Page, url: string): Promise<void> => {
    await page.goto(`${url}#/${path}`);
    await page.locator(ready).first().waitFor();
  };
const lostTrace = async (page: Page, url: string): Promise<void> => {
  await view('losses?reason=rejected', 'td a.id')(page, url);
  await page.locator('td a.id').nth(3).click();
  await page.locator('.waterfall li').nth(2).waitFor();
};

const PICTURES: Picture[] = [
  { name: 'page-topics', width: 1280, height: 480, scheme: 'light', show: view('topics', 'td a') },
  {
    name: 'page-topic',
    width: 1280,
    height: 940,
    scheme: 'light',
    show: view('topic?topic=orders', '.waterfall, .plot canvas'),
  },
  { name: 'page-trace', width: 1280, height: 640, scheme: 'dark', show: lostTrace },
  { name: 'page-losses', width: 1280, height: 480, scheme: 'light', show: view('losses', 'td a.id') },
  { name: 'page-map', width: 1280, height: 640, scheme: 'dark', show: view('map', '.node') },
  { name: 'page-phone', width: 390, height: 844, scheme: 'light', show: view('topic?topic=orders', '.plot canvas') },
];

provision(['rabbitmq', 'chromium']);
const rabbitmq = await startRabbitMQ();
let shop: Shop | undefined;
try {
  await rabbitmq.management.createVhost('shop');
  const url = (port = rabbitmq.port) => `amqp://guest:guest@127.0.0.1:${port}/shop`;
  shop = await startShop({ url, broker: rabbitmq.port, orders: { config: FAULT } });
  await pause(SECONDS * 1000);
  await take(`http://127.0.0.1:${shop.orders.adminPort}/`);
} finally {
  await shop?.stop();
  await rabbitmq.stop();
}

async function take(url: string): Promise<void> {
  const browser = await chromium.launch({ executablePath: commandPath('chromium') as string, args: ['--no-sandbox'] });
  for (const { name, width, height, scheme, show } of PICTURES) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
    await show(page, url);
    // rates of the first line are of some seconds
    await pause(4_000);
    await page.screenshot({ path: join(FOLDER, `${name}.png`) });
    await page.close();
  }
  await browser.close();
}
