import { readFileSync } from 'node:fs';

/** The package's, from its package.json; found from src and from dist alike. */
export const version: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
