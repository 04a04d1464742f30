import { afterEach, expect, test } from 'vitest';
import type { TopicDetail } from '../../src/api.ts';
import { open, useBrowser } from './browser.ts';
import { type Scripted, startScripted } from './scripted.ts';
import { DETAIL, shop, topicRow } from './shop.ts';

const HOSTILE = '<img src=x onerror="document.title=1">\u202e/?&#%00\n';
const SHOWN = '<img src=x onerror="document.title=1"><U+202E>/?&#%00<U+000A>';

useBrowser();
let sidecar: Scripted;
afterEach(() => sidecar.close());

test('a name from the wire is text, whatever it says, and its topic is asked for by just that name', async () => {
  const row = topicRow(HOSTILE, 1);
  const script = shop();
  const detail: TopicDetail = { ...DETAIL, row };
  sidecar = await startScripted({ ...script, topics: [row], answers: { ...script.answers, 'topics/detail': detail } });
  const page = await open(sidecar.url);
  await page.getByRole('link', { name: SHOWN }).click();
  await page.getByRole('heading', { level: 1, name: SHOWN }).waitFor();
  expect(await page.title()).toBe(`${SHOWN} · orders · Tracehare`);
  const asked = sidecar.asked.filter((url) => url.startsWith('/api/topics/detail'));
  expect(new URL(asked[0], sidecar.url).searchParams.get('topic')).toBe(HOSTILE);
  expect(await page.locator('img').count()).toBe(0);
});
