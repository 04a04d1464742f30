import { expect, test } from 'vitest';
import { anchorsOf, files, isThere, linksOf, textOf } from './pages.ts';

// What a comment or a page points to is there: a reader on her first day has the repository and nothing else.

const code = files('{src,bench,test,testing,scripts,demo,dashboards,examples}/**/*.{ts,mts,mjs,py}');
const pages = files('*.md', '{docs,bench,test,testing,deploy,dashboards,examples}/**/*.md');
const everything = files('**/*');

/** Comments with the line they stand on, as `file:line: text`. */
const comments = code.flatMap((file) =>
  textOf(file)
    .split('\n')
    .flatMap((line, index) => {
      const comment = /^\s*(?:\/\*\*?|\*|\/\/|#)(.*)|\s(?:\/\/|\/\*\*?|#) (.*)/.exec(line);
      return comment === null ? [] : [{ at: `${file}:${index + 1}`, text: comment[1] ?? comment[2] }];
    }),
);

test('comments name no file that is not in the repository', () => {
  const gone = comments.flatMap(({ at, text }) =>
    [...text.matchAll(/(?<![\w:/.-])(?:\.{0,2}\/)*([\w-][\w./-]*\.(?:ts|mjs|py|md|sh|yml|yaml|json))\b/g)]
      .map(([, path]) => path)
      .filter((path) => !everything.some((file) => file === path || file.endsWith(`/${path}`)))
      .map((path) => `${at}: ${path}`),
  );
  expect(gone).toEqual([]);
});

test('comments cite pages of docs/ by headings that are there', () => {
  const cited = comments.flatMap(({ at, text }) =>
    [...text.matchAll(/\b(docs\/[\w-]+\.md)((?:(?:, )?#[\w-]+)+)/g)].flatMap(([, page, anchors]) =>
      [...anchors.matchAll(/#([\w-]+)/g)].map(([, anchor]) => ({ at, page, anchor })),
    ),
  );
  expect(cited.length).toBeGreaterThan(0);
  const gone = cited.filter(({ page, anchor }) => !isThere(page) || !anchorsOf(textOf(page)).includes(anchor));
  expect(gone.map(({ at, page, anchor }) => `${at}: ${page}#${anchor}`)).toEqual([]);
});

test.each(pages)('%s: its links lead to files and headings that are there', (page) => {
  const gone = linksOf(page).filter(
    ({ path, anchor }) =>
      !isThere(path) || (anchor !== '' && path.endsWith('.md') && !anchorsOf(textOf(path)).includes(anchor)),
  );
  expect(gone).toEqual([]);
});
