import { basename, extname } from 'node:path';

/** What starts otherwise names a package. */
export const isPath = (module: string): boolean => /^\.{0,2}\//.test(module);

/** Value of the label `plugin`: its own name, or else its module's, without folder and ending. */
export function nameOf({ name, module }: { name?: string; module: string }): string {
  return name ?? (isPath(module) ? basename(module, extname(module)) : module);
}
