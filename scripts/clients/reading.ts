import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, Results } from './client.ts';

/** Names that come twice are told apart by their order, so that none is compared with another. */
class Reading {
  readonly results: Results = {};
  readonly #seen = new Map<string, number>();

  add(name: string, outcome: Outcome): void {
    const count = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, count);
    this.results[count === 1 ? name : `${name} (${count})`] = outcome;
  }
}

/** JUnit's XML, which most test runners can write: a file, or a folder of them. No file: nothing has run. */
export function readJunit(path: string): Results {
  const reading = new Reading();
  if (!existsSync(path)) return reading.results;
  const files = path.endsWith('.xml')
    ? [path]
    : readdirSync(path)
        .filter((name) => name.endsWith('.xml'))
        .sort()
        .map((name) => join(path, name));
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    // An attribute may contain `>`: values are taken as a whole.
    for (const [, attributes, selfClosed, inner = ''] of text.matchAll(
      /<testcase((?:\s+[\w:.-]+="[^"]*")*)\s*(?:(\/)>|>([\s\S]*?)<\/testcase>)/g,
    )) {
      const value = (name: string) => unescaped(new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
      const group = value('classname');
      const name = [group === 'test' ? '' : group, value('name')].filter((part) => part !== '').join(' › ');
      reading.add(name, selfClosed ? 'passed' : outcomeOf(inner));
    }
  }
  return reading.results;
}

function outcomeOf(inner: string): Outcome {
  if (/<(failure|error|rerunFailure)[\s>/]/.test(inner)) return 'failed';
  return /<skipped[\s>/]/.test(inner) ? 'skipped' : 'passed';
}

function unescaped(text: string): string {
  const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text
    .replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => entities[name])
    .replace(/&#(?:x([0-9a-f]+)|(\d+));/gi, (_, hex, decimal) =>
      String.fromCodePoint(hex ? Number.parseInt(hex, 16) : Number(decimal)),
    )
    .replace(/\s+/g, ' ');
}

/** `go test -json`. A test that panics or hangs has no end, and has failed. */
export function readGo(text: string): Results {
  const results: Results = {};
  for (const line of text.split('\n')) {
    if (!line.startsWith('{')) continue;
    let event: { Action?: string; Test?: string };
    try {
      event = JSON.parse(line);
    } catch {
      continue; // the last line of a run that was ended
    }
    const { Action: action, Test: test } = event;
    if (test === undefined) continue;
    if (action === 'run') results[test] ??= 'failed';
    if (action === 'pass') results[test] = 'passed';
    if (action === 'skip') results[test] = 'skipped';
    if (action === 'fail') results[test] = 'failed';
  }
  return results;
}

/** What `cargo test` prints: `test NAME ... ok`, under a heading for each binary. */
export function readCargo(text: string): Results {
  const reading = new Reading();
  let binary = '';
  let running: string | undefined;
  for (const line of text.split('\n')) {
    const heading = /^\s+(?:Running (?:unittests )?(\S+)|Doc-tests (\S+))/.exec(line);
    if (heading) binary = heading[1] ?? 'doc';
    const started = /^test (.+?) \.\.\. (.*)$/.exec(line);
    if (started) running = started[1];
    // with --nocapture the verdict may come lines later
    const verdict = /(?:^|\.\.\. )(ok|FAILED|ignored)(?:,.*)?$/.exec(line)?.[1];
    if (running === undefined || verdict === undefined) continue;
    // the line of a documentation test moves with nothing we do, its name stays
    reading.add(`${binary} › ${running}`, verdict === 'ok' ? 'passed' : verdict === 'ignored' ? 'skipped' : 'failed');
    running = undefined;
  }
  return reading.results;
}

/** RSpec's `--format json`. */
export function readRspec(path: string): Results {
  const reading = new Reading();
  if (!existsSync(path)) return reading.results;
  const { examples } = JSON.parse(readFileSync(path, 'utf8')) as {
    examples: { full_description: string; file_path: string; status: string }[];
  };
  for (const { full_description, file_path, status } of examples) {
    const outcome = status === 'passed' ? 'passed' : status === 'pending' ? 'skipped' : 'failed';
    reading.add(`${file_path.replace(/^\.\/spec\//, '')} › ${full_description}`, outcome);
  }
  return reading.results;
}

/** Our own scenarios print a line of JSON for each test: `{"test": …, "outcome": …}`. */
export function readLines(text: string): Results {
  const reading = new Reading();
  for (const line of text.split('\n')) {
    if (!line.startsWith('{"test":')) continue;
    const { test, outcome } = JSON.parse(line) as { test: string; outcome: Outcome };
    reading.add(test, outcome);
  }
  return reading.results;
}

/** The name of a test as a regular expression that is it, without the number by which namesakes are told apart. */
export function literally(test: string): string {
  return test.replace(/ \(\d+\)$/, '').replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
