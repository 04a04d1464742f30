import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { end, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { program, tracehare } from './built.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Options {
  env?: Record<string, string>;
  /** flags for node itself */
  nodeArgs?: string[];
  /** port on 127.0.0.1; nothing listens on port 1 */
  upstream?: number;
}

async function running({ env = {}, nodeArgs = [], upstream = 1 }: Options = {}) {
  const args = [...nodeArgs, program, '--listen=127.0.0.1:0', '--admin=127.0.0.1:0'];
  args.push(`--upstream=amqp://127.0.0.1:${upstream}`, '--drain-timeout=1h');
  const child = start(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  closing.push(() => {
    signal(child, 'SIGKILL');
    return end(child);
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  const told = (text: string) =>
    until(
      () => lines.some((line) => line.includes(text)),
      () => `${text} in\n${lines.join('\n')}`,
    );
  await told('"listening"');
  const { listen } = JSON.parse(lines.find((line) => line.includes('"listening"')) as string);
  return { child, lines, told, port: Number(listen.split(':').at(-1)) };
}

/** Something that accepts connections and says nothing. */
async function silentServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sockets };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s: drains and exits 0', async (name) => {
  const { child } = await running();
  signal(child, name);
  expect(await end(child)).toBe(0);
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('a second %s does not wait for the drain: exit %i', async (name, code) => {
  const broker = await silentServer();
  const { child, told, port } = await running({ upstream: broker.port });
  const app = connect(port, '127.0.0.1').on('error', () => {});
  closing.push(() => app.destroy());
  await until(() => broker.sockets.size > 0, 'the connection is there');
  signal(child, 'SIGTERM');
  await told('draining');
  signal(child, name);
  expect(await end(child)).toBe(code);
});

test('an uncaught exception: told as fatal, exit 1', async () => {
  const hook = `data:text/javascript,process.on('SIGHUP', () => { throw new Error('from a test'); })`;
  const { child, lines } = await running({ nodeArgs: ['--import', hook] });
  signal(child, 'SIGHUP');
  expect(await end(child)).toBe(1);
  await until(() => lines.at(-1)?.includes('fatal'), 'the last line is read');
  expect(JSON.parse(lines.at(-1) as string)).toMatchObject({
    level: 'fatal',
    msg: 'uncaught exception',
    err: { message: 'from a test' },
  });
});

test('SIGUSR2: told, and it runs on', async () => {
  const { child, told } = await running();
  signal(child, 'SIGUSR2');
  await told('bypass');
  signal(child, 'SIGTERM');
  expect(await end(child)).toBe(0);
});

test('every line on stderr is JSON with time, level and msg; a misspelt variable is one of them', async () => {
  const { child, lines } = await running({ env: { TRACEHARE_UPSTEAM: 'amqp://x' } });
  signal(child, 'SIGTERM');
  await end(child);
  for (const line of lines) {
    const { level, time, msg } = JSON.parse(line);
    expect(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).toContain(level);
    expect(new Date(time).toISOString()).toBe(time);
    expect(msg).toEqual(expect.any(String));
  }
  expect(lines[0]).toContain('unknown variable `TRACEHARE_UPSTEAM`, did you mean `TRACEHARE_UPSTREAM`?');
});

test.each(['listen', 'admin'])('a taken port of --%s: one line that says what to do, exit 1', async (flag) => {
  const { port } = await silentServer();
  const other = flag === 'listen' ? '--admin=127.0.0.1:0' : '--listen=127.0.0.1:0';
  const { code, stderr } = await tracehare([`--${flag}=127.0.0.1:${port}`, other, '--log-level=error']);
  const what = 'address already in use; stop what listens there or choose another port';
  expect({ code, stderr }).toEqual({ code: 1, stderr: `tracehare: --${flag} 127.0.0.1:${port}: ${what}\n` });
});
