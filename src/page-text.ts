import { readFile } from 'node:fs/promises';

const BUILT = new URL('../dist/page.html', import.meta.url);

/**
 * The live page, one document with all it needs, as `npm run build` makes it. The built program has another module in
 * this place, with the text in itself (scripts/bundle.ts): an executable of one file has none beside it.
 */
export async function pageText(): Promise<string> {
  try {
    return await readFile(BUILT, 'utf8');
  } catch (cause) {
    throw new Error(`the page is not built: npm run build makes ${BUILT.pathname}`, { cause });
  }
}
