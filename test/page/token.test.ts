import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../testing/ports.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { open, useBrowser } from './browser.ts';

const TOKEN = 's3cr:et/%';

let sidecar: Tracehare;
let port: number;
beforeAll(async () => {
  port = await freePort();
  sidecar = await startTracehare({
    upstream: 'amqp://127.0.0.1:1',
    admin: `0.0.0.0:${port}`,
    env: { TRACEHARE_ADMIN_TOKEN: TOKEN, OTEL_SERVICE_NAME: 'guarded' },
  });
});
afterAll(() => sidecar.stop());
useBrowser();

test('who logs in with the token is shown the page, which asks and is told with it too', async () => {
  const page = await open(`http://127.0.0.1:${port}/#/losses`, {
    httpCredentials: { username: 'me', password: TOKEN },
  });
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByText('No message was lost since the start.').waitFor();
  expect(await page.title()).toBe('Losses · guarded · Tracehare');
});

test('the token may stand in the address', async () => {
  const page = await open(`http://:${encodeURIComponent(TOKEN)}@127.0.0.1:${port}/#/losses`);
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByText('No message was lost since the start.').waitFor();
});
