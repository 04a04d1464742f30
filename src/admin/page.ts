import { createHash } from 'node:crypto';

/** What a browser gets at `/`, and what it lets that do. */
export interface Page {
  html: string;
  policy: string;
}

/**
 * The live page of this text. Its policy: nothing but this very script and style runs on it, and it talks to its own
 * server only. The icon is in the document.
 */
export function pageOf(html: string): Page {
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
