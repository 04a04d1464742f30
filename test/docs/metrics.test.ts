import { expect, test } from 'vitest';
import { files, inBackticks, textOf } from './pages.ts';

// Pages tell readers which figure to look at; one that does not exist is worse than none.

const KNOWN = new Set(
  [...textOf('docs/metrics.md').matchAll(/^\| `((?:event|tracehare|messaging|process|nodejs)_\w+)`/gm)].map(
    ([, name]) => name,
  ),
);
const families = (text: string): string[] =>
  [...text.matchAll(/(?<![\w:])((?:event|tracehare)_[a-z_]+[a-z])(?![\w:*…/.-])/g)].map(([, name]) => name);

test.each(files('README.md', 'docs/*.md').filter((page) => page !== 'docs/metrics.md'))(
  '%s names no metric that there is not',
  (page) => {
    const unknown = inBackticks(textOf(page))
      .flatMap(families)
      .filter((name) => !KNOWN.has(name.replace(/_(bucket|sum|count)$/, '')) && !KNOWN.has(name));
    expect([...new Set(unknown)]).toEqual([]);
  },
);
