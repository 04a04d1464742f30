import { once } from 'node:events';
import { readFileSync } from 'node:fs';
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

test('SIGUSR1: nothing, no debugger above all', async () => {
  const { child, lines } = await running();
  signal(child, 'SIGUSR1');
  // obeyed behind it
  signal(child, 'SIGTERM');
  expect(await end(child)).toBe(0);
  expect(lines.join('\n')).not.toMatch(/debugger/i);
});

test('the start is told in one line: what it runs with, and where everything goes', async () => {
  const { lines } = await running({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:s3cret@127.0.0.1:4318' } });
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const { level, time, listen, admin, ...rest } = JSON.parse(
    lines.find((line) => line.includes('"listening"')) as string,
  );
  expect(rest).toEqual({
    version,
    upstream: 'amqp://127.0.0.1:1',
    loss: 'returns',
    config: 'none',
    spans: 'http://127.0.0.1:4318/v1/traces (http/protobuf)',
    metrics: `http://${admin}/metrics`,
    scheduling: 'SCHED_BATCH on all threads',
    msg: 'listening',
  });
  expect((await running()).lines.find((line) => line.includes('"listening"'))).toContain(
    '"spans":"the live page only"',
  );
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

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'not a URL such as http://127.0.0.1:4318'],
  ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/nowhere/ca.pem', '/nowhere/ca.pem: no such file'],
  ['OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY', '/', '/: not readable: EISDIR'],
])('%s: %j at start: one line, exit 2', async (variable, value, what) => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', [variable]: value };
  const { code, stderr } = await tracehare(['--listen=127.0.0.1:0', '--admin=127.0.0.1:0', '--log-level=error'], env);
  expect({ code, stderr }).toEqual({ code: 2, stderr: `tracehare: ${variable}: ${what}\n` });
});
