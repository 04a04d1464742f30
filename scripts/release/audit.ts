import { spawnSync } from 'node:child_process';

/**
 * Asks npm's registry for advisories about what package-lock.json names.
 *
 * @returns what is known, one line; `vulnerable`: something is. Where no registry answers, that is said instead.
 */
export function audit(folder: string): { said: string; vulnerable: boolean } {
  const { stdout } = spawnSync('npm', ['audit', '--package-lock-only', '--json'], { cwd: folder, encoding: 'utf8' });
  return readAudit(stdout ?? '');
}

/** `output`: of `npm audit --json`. */
export function readAudit(output: string): { said: string; vulnerable: boolean } {
  let found: {
    message?: string;
    metadata?: { vulnerabilities: Record<string, number>; dependencies: { total: number } };
    vulnerabilities?: Record<string, { severity: string }>;
  };
  try {
    found = JSON.parse(output);
  } catch {
    return { said: 'NOT DONE, npm audit gave no answer', vulnerable: false };
  }
  const { metadata, vulnerabilities = {} } = found;
  if (metadata === undefined) {
    const why = (found.message ?? 'no reason given').split('\n')[0].replace(/ - .*/, '');
    return { said: `NOT DONE, the registry does not answer for advisories: ${why}`, vulnerable: false };
  }
  const names = Object.entries(vulnerabilities).map(([name, { severity }]) => `${name} (${severity})`);
  const { total } = metadata.dependencies;
  if (names.length === 0) return { said: `no advisory about any of ${total} packages`, vulnerable: false };
  return { said: `advisories about ${names.join(', ')}; npm audit has them`, vulnerable: true };
}
