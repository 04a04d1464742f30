import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { commandPath } from '../../scripts/provision.mjs';

let browser: Browser;
const complaints: string[] = [];
/** Set by tests whose server goes away, or refuses: Chromium says so on the console. */
let mayBeAway = false;

/** For the tests of a file, and behind their own hooks: one browser, and no word on the console nor a request to elsewhere in any of them. */
export function useBrowser(): void {
  beforeAll(async () => {
    const executablePath = commandPath('chromium');
    if (executablePath === undefined) throw new Error('no chromium on PATH: npm run provision, or install it');
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    mayBeAway = false;
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(() => browser?.close());
}

/** The server of this test goes away and comes back, or does not let the page in. */
export function expectAway(): void {
  mayBeAway = true;
}

export async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  // its time goes on by itself; tests can have it go faster
  await page.clock.install();
  const { origin } = new URL(url);
  page.on('console', (message) => {
    const isAway = mayBeAway && /net::ERR_(CONNECTION|INCOMPLETE|EMPTY)|status of 401/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !isAway) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin && !request.url().startsWith('data:')) {
      complaints.push(`asked elsewhere: ${request.url()}`);
    }
  });
  await page.goto(url);
  return page;
}

/** Texts of a table, by row and column heading. */
export async function rowsOf(page: Page, label: string): Promise<Record<string, string>[]> {
  const table = page.locator(`table[aria-label="${label}"]`);
  const heads = await table.locator('thead th').allInnerTexts();
  const rows = await table.locator('tbody tr:not(.gap)').all();
  return Promise.all(
    rows.map(async (row) => {
      const cells = await row.locator('td').allInnerTexts();
      return Object.fromEntries(heads.map((head, i) => [head, cells[i]]));
    }),
  );
}
