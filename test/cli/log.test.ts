import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../../testing/processes.ts';
import { startInTerminal } from '../../testing/terminal.ts';
import { until } from '../../testing/wait.ts';
import { program } from './built.ts';

const log = fileURLToPath(new URL('../../src/app/log.ts', import.meta.url));

/** The lines that a process of its own logs. */
async function logged(code: string) {
  const program = `import { createLog } from ${JSON.stringify(log)}; ${code}`;
  const { stderr, stdout } = await run(process.execPath, ['--input-type=module', '-e', program]);
  expect(stdout.toString()).toBe('');
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

test('lines have level as a word, time in ISO 8601 and msg, and nothing of the machine', async () => {
  const [line] = await logged(`createLog('info').warn({ topic: 'orders' }, 'hello');`);
  expect(line).toEqual({ level: 'warn', time: expect.any(String), topic: 'orders', msg: 'hello' });
  expect(new Date(line.time).toISOString()).toBe(line.time);
});

test('a disk that is full costs lines and nothing else: not the process, and no more memory than a little', async () => {
  const code = `import { createLog } from ${JSON.stringify(log)};
    const log = createLog('info');
    log.info('first');
    const { rss } = process.memoryUsage();
    for (let i = 0; i < 100_000; i++) log.info({ i }, 'x'.repeat(1000));
    console.log((process.memoryUsage().rss - rss) / 2 ** 20);`;
  const shell = ['-c', 'exec "$0" --input-type=module -e "$1" 2>/dev/full', process.execPath, code];
  const { code: exit, stdout } = await run('sh', shell);
  expect(exit).toBe(0);
  // 100 MB were logged
  expect(Number(stdout.toString())).toBeLessThan(64);
});

test('what is below the level is not written', async () => {
  const lines = await logged(`const log = createLog('warn'); log.info('low'); log.error('high');`);
  expect(lines.map(({ msg }) => msg)).toEqual(['high']);
});

test('the last of many lines before an exit is not lost', async () => {
  const lines = await logged(`const log = createLog('info');
    for (let i = 0; i < 2000; i++) log.info({ i }, 'x'.repeat(100));
    process.exit(0);`);
  expect(lines.at(-1).i).toBe(1999);
});

test.each(['password', 'token', 'secret', 'authorization', 'Authorization'])(
  '%s is redacted at any depth',
  async (name) => {
    const lines = await logged(`const log = createLog('trace');
    const inner = { ${name}: 's3cret', kept: 'kept' };
    log.info(inner);
    log.info({ a: inner });
    log.info({ config: { admin: { deep: inner } } });
    log.info({ list: [inner] });
    log.error({ err: Object.assign(new Error('x'), { options: inner }) });
    log.child({ ${name}: 's3cret' }).info('child');`);
    expect(lines).toHaveLength(6);
    expect(JSON.stringify(lines)).not.toContain('s3cret');
    expect(JSON.stringify(lines).match(/kept/g)).toHaveLength(10);
  },
);

test.each([
  ['in colour', {}],
  ['without, where NO_COLOR is set', { NO_COLOR: '1' }],
])('on a terminal a line is for people, %s', async (_, env) => {
  const args = [
    process.execPath,
    program,
    '--listen=127.0.0.1:0',
    '--admin=127.0.0.1:0',
    '--upstream=amqp://127.0.0.1:1',
  ];
  const terminal = startInTerminal(args, { env: { PATH: process.env.PATH, TERM: 'xterm-256color', ...env } });
  onTestFinished(async () => {
    await terminal.kill();
  });
  await until(
    () => terminal.output.includes('listening'),
    () => terminal.output,
  );
  const [line] = stripVTControlCharacters(terminal.output).split('\r\n');
  expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d\d\d\] INFO: listening \{"version":.*"spans":"the live page only"/);
  expect(terminal.output.includes('\x1b[')).toBe(!('NO_COLOR' in env));
  terminal.type('\x03');
  expect(await terminal.ended()).toBe(0);
});
