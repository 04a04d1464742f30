import { join } from 'node:path';
import { unpackDebian } from '../../debootstrap.mjs';
import { CACHE } from '../commands.ts';
import { imported } from './stand-in.ts';

/** What others start from. */
export const BASE = 'docker.io/library/debian:bookworm-slim';

export const debian = imported('Debian bookworm as debootstrap makes its smallest', () => {
  const folder = join(CACHE, 'bookworm');
  unpackDebian({ suite: 'bookworm', packages: [], folder });
  return join(folder, 'root');
});
