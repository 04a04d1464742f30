import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { settings } from '../../src/config/settings.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { run } from '../../testing/processes.ts';
import { program, tracehare } from './built.ts';

const folder = temporaryFolder('cli');
afterAll(() => folder.remove());

function file(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  return path;
}

describe('help and version', () => {
  test.each([[['--help']], [['-h']], [['help']]])(
    '%j: all commands and what most runs need, on one screen',
    async (args) => {
      const { code, stdout, stderr } = await tracehare(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const name of ['run', ...Object.keys(commands)]) expect(stdout).toMatch(new RegExp(`^ {2}\\[?${name}`, 'm'));
      const shown = [...stdout.matchAll(/^ {2}--([a-z-]+) /gm)].map(([, flag]) => flag);
      expect(shown.slice(0, 6)).toEqual(['listen', 'upstream', 'admin', 'loss', 'pipeline', 'config']);
      expect(stdout.split('\n').length).toBeLessThan(48);
    },
  );

  test.each([[['run', '--help']], [['help', 'run']], [['run', '--loss', 'x', '-h']]])(
    '%j shows every flag, variable and default of run',
    async (args) => {
      const { code, stdout, stderr } = await tracehare(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const { flag, variable } of settings) expect(stdout).toMatch(new RegExp(`--${flag} .*${variable}\\n`));
      expect(stdout).toMatch(/--config FILE +TRACEHARE_CONFIG\n/);
      expect(stdout).toContain('default: amqp://127.0.0.1:5672\n');
      expect(stdout).toContain('Exit codes:');
    },
  );

  test.each(Object.entries(commands))(
    '%s --help: what it is, how it is called, and each option',
    async (name, command) => {
      const { code, stdout, stderr } = await tracehare([name, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`tracehare ${name}: ${command.summary}.\n`);
      expect(stdout).toContain(`Usage: tracehare ${name} ${command.usage}`);
      for (const option of command.options) expect(stdout).toContain(`--${option.name}`);
      expect(stdout.split('\n').length).toBeLessThan(40);
      expect(await tracehare(['help', name])).toEqual({ code, stdout, stderr });
    },
  );

  test.each(['--version', '-v'])('%s is the package’s', async (flag) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await tracehare([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([[['--help']], [['--version']], [['check', '/nowhere']]])(
    '%j loads neither OpenTelemetry nor pino',
    async (args) => {
      const hook = file(
        'hook.mjs',
        `import { registerHooks } from 'node:module';
       registerHooks({ load(url, context, next) { process.stderr.write('loaded ' + url + '\\n'); return next(url, context); } });`,
      );
      const { stderr } = await run(process.execPath, ['--import', hook, program, ...args]);
      const loaded = [...stderr.matchAll(/^loaded (file:.*)$/gm)].map(([, url]) => readFileSync(new URL(url), 'utf8'));
      expect(loaded).toContainEqual(readFileSync(program, 'utf8'));
      // the bundler says above each piece where it is from
      expect(
        loaded.filter((code) => /^\/\/#region .*(@opentelemetry|\/pino|prom-client|src\/app\.ts)/m.test(code)),
      ).toEqual([]);
    },
  );
});

describe('check', () => {
  test('a right file: ok, exit 0', async () => {
    const path = file('right.yaml', 'listen: :5673\n');
    expect(await tracehare(['check', path])).toEqual({ code: 0, stdout: `${path}: ok\n`, stderr: '' });
  });

  test('a wrong file: each error as file:line:column: path: what is wrong, exit 1', async () => {
    const path = file('wrong.yaml', 'lisen: :5673\ndrain:\n  timeout: 10\n');
    const { code, stdout, stderr } = await tracehare(['check', path]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      `${path}:1:1: unknown key \`lisen\`, did you mean \`listen\`?`,
      `${path}:3:12: drain.timeout: expects a number with a unit (ms, s, m or h), such as 250ms or 10s`,
      '',
    ]);
  });

  test('the files that it names must be readable', async () => {
    const path = file('tls.yaml', `listen:\n  tls: { cert: ${file('cert.pem', '')}, key: /nowhere/key.pem }\n`);
    const { code, stderr } = await tracehare(['check', path]);
    const column = 2 + `tls: { cert: ${join(folder.path, 'cert.pem')}, key: `.length + 1;
    expect(code).toBe(1);
    expect(stderr).toContain(`${path}:2:${column}: listen.tls.key: /nowhere/key.pem: no such file\n`);
  });

  test('what TLS is made of must be of use', async () => {
    const cert = file('empty.pem', '');
    const path = file('tls.yaml', `upstream:\n  tls: { ca: ${cert} }\n`);
    const { code, stderr } = await tracehare(['check', path]);
    expect(code).toBe(1);
    expect(stderr).toBe(`${path}:2:14: upstream.tls.ca: ${cert}: holds no certificate in PEM form\n`);
  });

  test('no such file: one line, exit 1', async () => {
    expect(await tracehare(['check', '/nowhere.yaml'])).toEqual({
      code: 1,
      stdout: '',
      stderr: '/nowhere.yaml: no such file\n',
    });
  });

  test('several files: each is told of, exit 1 if one is wrong', async () => {
    const [right, wrong, other] = [file('a.yaml', 'pipeline: p\n'), file('b.yaml', 'loss: al\n'), file('c.yaml', '')];
    expect(await tracehare(['check', right, wrong, other])).toEqual({
      code: 1,
      stdout: `${right}: ok\n${other}: ok\n`,
      stderr: `${wrong}:1:7: loss: expects off, returns or confirms\n`,
    });
    expect((await tracehare(['check', right, other])).code).toBe(0);
  });

  test('- is standard input', async () => {
    expect(await tracehare(['check', '-'], {}, 'pipeline: p\n')).toEqual({
      code: 0,
      stdout: 'stdin: ok\n',
      stderr: '',
    });
    expect(await tracehare(['check', '-'], {}, 'drain: 1\n')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^stdin:1:8: drain: expects keys and values/),
    });
  });

  test('variables of the shell have no say', async () => {
    const path = file('alone.yaml', 'pipeline: p\n');
    expect((await tracehare(['check', path], { TRACEHARE_LISTEN: 'nonsense' })).code).toBe(0);
  });
});

describe('called wrongly: one line on stderr, exit 2', () => {
  test.each([
    [['chek', 'x'], 'unknown command `chek`, did you mean `check`?'],
    [['frobnicate'], 'unknown command `frobnicate`; tracehare --help lists them'],
    [['check'], 'check needs a file: tracehare check FILE, or - for standard input'],
    [['check', 'a', 'a'], '`a` is given twice'],
    [['check', '--lisen=x', 'a'], 'unknown flag `--lisen` of check; tracehare check --help lists them'],
    [['help', 'chek'], 'unknown command `chek`, did you mean `check`?'],
    [['completion', 'fish'], 'completion needs a shell: tracehare completion bash, or zsh'],
    [['--lisen', 'x'], 'unknown flag `--lisen`, did you mean `--listen`?'],
    [
      ['run', '--upstream', 'amqp://guest:guest@host'],
      "--upstream: must not hold credentials: the app's own pass through; remove user and password",
    ],
    [['--config', '/nowhere.yaml'], '--config: /nowhere.yaml: no such file'],
  ])('%j', async (args, line) => {
    expect(await tracehare(args)).toEqual({ code: 2, stdout: '', stderr: `tracehare: ${line}\n` });
  });

  test('files that can not be used, at start as check tells it', async () => {
    const key = file('key.pem', 'nothing');
    const path = file('certificates.yaml', `listen:\n  tls:\n    cert: /nowhere/cert.pem\n    key: ${key}\n`);
    const { code, stderr } = await tracehare(['--config', path]);
    expect(code).toBe(2);
    expect(stderr.split('\n')).toEqual([
      `tracehare: ${path}:3:11: listen.tls.cert: /nowhere/cert.pem: no such file`,
      `tracehare: ${path}:4:10: listen.tls.key: ${key}: holds no private key in PEM form, or one with a passphrase`,
      '',
    ]);
    expect((await tracehare(['check', path])).stderr).toBe(stderr.replaceAll('tracehare: ', ''));
  });

  test.each([
    [['--listen', ':5672'], '--listen: :5672 is where'],
    [['--listen', 'localhost:5672'], '--listen: localhost:5672 is where'],
  ])('%j without an upstream, where the broker is expected', async (args, begins) => {
    const { code, stderr } = await tracehare(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^tracehare: ${begins} the broker is expected .*--upstream.*\\n$`));
  });

  test('a wrong variable, and a wrong file at start', async () => {
    expect(await tracehare([], { TRACEHARE_LOSS: 'all' })).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tracehare: TRACEHARE_LOSS: expects off, returns or confirms\n',
    });
    const path = file('start.yaml', 'loss: all\n');
    expect(await tracehare([], { TRACEHARE_CONFIG: path })).toEqual({
      code: 2,
      stdout: '',
      stderr: `tracehare: ${path}:1:7: loss: expects off, returns or confirms\n`,
    });
  });
});
