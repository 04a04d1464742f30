import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** What a browser gets at `/`, and what it lets that do. */
export interface Page {
  html: string;
  policy: string;
}

/**
 * The live page. Its policy: nothing but this very script and style runs on it, and it talks to its own server only.
 * The icon is in the document. Throws one line if the page was not built.
 */
export async function readPage(file: URL): Promise<Page> {
  const html = await readFile(file, 'utf8').catch(({ code }) => {
    throw new Error(`the page can't be read (${code}): npm run build makes ${file.pathname}`);
  });
  const policy = [
    "default-src 'none'",
    `style-src ${hashes(html, 'style')}`,
    `script-src ${hashes(html, 'script')}`,
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function hashes(html: string, element: string): string {
  const all = html.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs'));
  return [...all].map(([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ');
}
