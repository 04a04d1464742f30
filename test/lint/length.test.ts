import { expect, test } from 'vitest';
import { files, textOf } from '../docs/pages.ts';

const MOST_LINES = 300;

test('a file of src with more than 300 lines says why it is one', () => {
  const long = files('src/**/*.{ts,tsx}').filter((file) => textOf(file).split('\n').length > MOST_LINES);
  expect(long).toContain('src/amqp/content.ts');
  expect(long.filter((file) => !textOf(file).includes('One file because'))).toEqual([]);
});
