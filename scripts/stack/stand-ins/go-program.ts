import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { goCommand } from '../../go.ts';
import { CACHE, must } from '../commands.ts';

export interface GoProgram {
  module: string;
  version: string;
  /** package of the program, within the module */
  path: string;
  name: string;
}

/** Path of the program, built once from its module, whose checksums Go's own database vouches for. */
export async function goProgram({ module, version, path, name }: GoProgram): Promise<string> {
  const program = join(CACHE, 'bin', `${name}-${version}`);
  if (existsSync(program)) return program;
  const go = goCommand(name);
  mkdirSync(join(CACHE, 'bin'), { recursive: true });
  console.log(`stack: building ${name} of ${module} ${version} with Go, once: some minutes`);
  const { Dir } = JSON.parse(await must(go, ['mod', 'download', '-json', `${module}@${version}`]));
  const work = mkdtempSync(join(CACHE, `${name}-`));
  try {
    // of a copy, as a module that replaces others can't be installed by its name
    cpSync(Dir, join(work, 'source'), { recursive: true });
    await must('chmod', ['-R', 'u+w', work]);
    const built = join(work, name);
    const args = ['build', '-p', '2', '-buildvcs=false', '-ldflags', '-s -w', '-o', built, path];
    await must(go, args, { cwd: join(work, 'source') });
    renameSync(built, program);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return program;
}
