import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { commandPath, provision } from '../provision.mjs';
import { CACHE, must } from './commands.ts';
import { ROOT } from './images.ts';
import type { Stack } from './stack.ts';
import { VERSION as TAG } from './stand-ins/jaeger.ts';
import type { Trace } from './traces.ts';

const PICTURE = 'docs/jaeger-trace.png';

/** Folder with Jaeger's own page, built once from a clone of its repository, or the repository itself. */
export async function jaegerPage(clone = 'https://github.com/jaegertracing/jaeger-ui.git'): Promise<string> {
  const folder = join(CACHE, `jaeger-ui-${TAG}`);
  if (existsSync(folder)) return folder;
  console.log(`stack: building Jaeger's page ${TAG} with npm, once: some minutes`);
  const work = mkdtempSync(join(CACHE, 'jaeger-ui-'));
  try {
    const from = existsSync(clone) ? pathToFileURL(clone).href : clone;
    await must('git', ['clone', '-q', '--depth', '1', '--branch', TAG, '-c', 'advice.detachedHead=false', from, work]);
    // with the Node that runs this: the machine's own may be too old for that page
    const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    await must('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: work, env });
    await must('npm', ['run', 'build'], { cwd: work, env });
    cpSync(join(work, 'packages/jaeger-ui/build'), `${work}.built`, { recursive: true });
    renameSync(`${work}.built`, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** What makes Jaeger's container show a page that its image does not have. */
export const withPage = (folder: string) => ({
  volumes: [`${folder}:/page:ro`],
  command: ['--set=extensions.jaeger_query.ui.assets_path=/page'],
});

/** Gives back its path. */
export async function takePicture(stack: Stack, { traceID }: Trace): Promise<string> {
  provision(['chromium']);
  const browser = await chromium.launch({ executablePath: commandPath('chromium') as string, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 920 } });
    await page.goto(`${stack.url('jaeger', 16686)}/trace/${traceID}`);
    await page.locator('.span-row .span-view').last().click();
    await page.locator('.detail-row').getByText('Tags:').click();
    await page.getByText('messaging.message.id').waitFor();
    await page.screenshot({ path: join(ROOT, PICTURE) });
    return PICTURE;
  } finally {
    await browser.close();
  }
}
