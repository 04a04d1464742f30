import { existsSync } from 'node:fs';
import { commandPath } from './provision.mjs';

/** Where Go's own archive puts it, which is in nobody's PATH. */
const UNPACKED = '/usr/local/go/bin/go';

/** Path of `go`, which is to build this. Throws an Error of one line. */
export function goCommand(builds: string): string {
  const go = commandPath('go') ?? (existsSync(UNPACKED) ? UNPACKED : undefined);
  if (go === undefined) throw new Error(`no Go here, which builds ${builds}: install Go 1.25 or later`);
  return go;
}
