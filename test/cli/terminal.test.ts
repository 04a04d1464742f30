import { stripVTControlCharacters } from 'node:util';
import type { Channel, ChannelModel } from 'amqplib';
import { connect } from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../testing/ports.ts';
import { end, start as startProcess } from '../../testing/processes.ts';
import { startInTerminal, type Terminal } from '../../testing/terminal.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { program, tracehare } from './built.ts';

const TOKEN = 'correct-horse';
const LOST = 3;

let vhost: Vhost;
let sidecar: Tracehare;
let app: ChannelModel;
let channel: Channel;
let env: Record<string, string>;

beforeAll(async () => {
  vhost = await createVhost();
  const config = JSON.stringify({ faults: { enabled: true }, admin: { address: '127.0.0.1:0', token: TOKEN } });
  sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${vhost.port}`, args: ['--loss', 'confirms'], config });
  env = { TRACEHARE_ADMIN: `127.0.0.1:${sidecar.adminPort}`, TRACEHARE_ADMIN_TOKEN: TOKEN };
  app = await connect(vhost.url(sidecar.port), { clientProperties: { connection_name: 'shop-frontend' } });
  channel = await app.createChannel();
  await channel.assertExchange('orders', 'topic');
  await channel.assertQueue('mail');
  await channel.bindQueue('mail', 'orders', 'created');
  await channel.consume('mail', (message) => message && channel.ack(message));
  publish('created', 20);
  publish('nowhere', LOST);
  await until(async () => {
    const metrics = await sidecar.metrics();
    const settled = metrics.sum('event_throughput_total', { side: 'consume', status: 'success' });
    return settled === 20 && metrics.sum('event_lost_total') === LOST;
  }, 'all is counted');
});
afterAll(async () => {
  await app?.close();
  await sidecar?.kill();
  await vhost?.remove();
});
beforeEach(async () => {
  await tracehare(['faults', 'end', '--all'], env);
});

function publish(routingKey: string, count: number): void {
  for (let i = 0; i < count; i++) channel.publish('orders', routingKey, Buffer.from('x'));
}

/** Runs a command in a terminal. */
function inTerminal(args: string[], size: { columns?: number; rows?: number } = {}): Terminal {
  const command = [process.execPath, program, ...args];
  const given = { PATH: process.env.PATH, TERM: 'xterm-256color', ...env };
  const terminal = startInTerminal(command, { env: given, ...size });
  onTestFinished(async () => {
    await terminal.kill();
  });
  return terminal;
}

/** What stands on the screen after the last drawing. */
function screenOf({ output }: Terminal): string[] {
  const drawn = output.split('\x1b[H').at(-1) as string;
  return stripVTControlCharacters(drawn.split('\x1b[?25h')[0])
    .split('\r\n')
    .map((line) => line.trimEnd());
}

const rowOf = (lines: string[], topic: string): string[] =>
  lines.find((line) => line.startsWith(`${topic} `))?.split(/ {2,}/) ?? [];

describe('top', () => {
  test('in a terminal: the figures are those of /metrics, q ends it, and the terminal is as it was', async () => {
    const terminal = inTerminal(['top'], { columns: 160 });
    const lines = await until(
      () => {
        const now = screenOf(terminal);
        return rowOf(now, 'orders').length > 0 && now;
      },
      () => terminal.output,
    );
    const titles = lines.find((line) => line.startsWith('TOPIC'))?.split(/ {2,}/) ?? [];
    const row = Object.fromEntries(rowOf(lines, 'orders').map((cell, at) => [titles[at], cell]));
    const metrics = await sidecar.metrics();
    expect(row).toMatchObject({
      PIPELINE: vhost.name,
      LOST: String(metrics.sum('event_lost_total', { topic: 'orders' })),
      UNKNOWN: String(metrics.sum('event_unknown_total', { topic: 'orders' })),
      UNSETTLED: String(metrics.sum('tracehare_unsettled_deliveries', { topic: 'orders' })),
      PUBLISHED: String(
        metrics.sum('messaging_client_sent_messages_total', { messaging_destination_template: 'orders' }),
      ),
      CONSUMED: String(
        metrics.sum('messaging_client_consumed_messages_total', { messaging_destination_template: 'orders' }),
      ),
    });
    expect(lines[1]).toContain(`connections ${metrics.value('tracehare_connections')}  `);
    expect(lines[1]).toContain(`lost ${metrics.sum('event_lost_total')}  `);
    expect(terminal.output).toContain('\x1b[?1049h');
    terminal.type('q');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.output.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  test('it fits a narrow terminal, follows a resize, and Ctrl-C leaves the terminal as it was', async () => {
    const terminal = inTerminal(['top'], { columns: 50, rows: 12 });
    const fits = (columns: number, rows: number) => {
      const lines = screenOf(terminal);
      return (
        rowOf(lines, 'orders').length > 0 &&
        lines.length <= rows &&
        lines.every((line) => line.length <= columns) &&
        lines
      );
    };
    const narrow = await until(
      () => fits(50, 12),
      () => terminal.output,
    );
    expect(narrow.join('\n')).not.toContain('PIPELINE');
    terminal.resize(200, 40);
    await until(
      () => screenOf(terminal).some((line) => line.includes('PIPELINE')),
      () => terminal.output,
    );
    terminal.type('\x03');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.output.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  test.each([
    ['SIGINT', 0],
    ['SIGTERM', 1],
  ] as const)('%s leaves the terminal as it was too: exit %i', async (name, code) => {
    const terminal = inTerminal(['top']);
    await until(() => rowOf(screenOf(terminal), 'orders').length > 0, 'it is drawn');
    terminal.signal(name);
    expect(await terminal.ended()).toBe(code);
    expect(terminal.output.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  test('no colour where NO_COLOR is set', async () => {
    const colours = new RegExp(`${'\x1b'}\\[[0-9;]*m`);
    const coloured = inTerminal(['top']);
    await until(() => colours.test(coloured.output), 'there is colour');
    const command = [process.execPath, program, 'top'];
    const plain = startInTerminal(command, { env: { PATH: process.env.PATH, TERM: 'xterm', NO_COLOR: '1', ...env } });
    onTestFinished(async () => {
      await plain.kill();
    });
    await until(
      () => rowOf(screenOf(plain), 'orders').length > 0,
      () => plain.output,
    );
    expect(plain.output).not.toMatch(colours);
  });

  test('without a terminal: once, as plain lines, or as JSON', async () => {
    const { code, stdout, stderr } = await tracehare(['top'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')[0]).toMatch(/^TOPIC +PIPELINE +PUB\/S/);
    expect(rowOf(stdout.split('\n'), 'orders')[1]).toBe(vhost.name);
    expect(stdout).not.toContain('\x1b');
    const answer = JSON.parse((await tracehare(['top', '--json', '--topic', 'ORDER'], env)).stdout);
    expect(answer.topics.map(({ topic }: { topic: string }) => topic)).toEqual(['orders']);
    expect(answer.topics[0].lost).toBe(LOST);
    expect(JSON.parse((await tracehare(['top', '--json', '--topic', 'nobody'], env)).stdout).topics).toEqual([]);
  });
});

/** A command that runs until it is ended, without a terminal. */
function running(args: string[]) {
  const child = startProcess(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await end(child);
  });
  return { child, lines: () => output.split('\n').filter((line) => line !== '') };
}

/** Publishes until somebody who watches has seen it: what passed before is not told. */
async function publishUntil(seen: () => boolean, routingKey = 'created'): Promise<void> {
  await until(() => {
    publish(routingKey, 1);
    return seen();
  }, 'it is told');
}

describe('tail', () => {
  test('a line for each message as it ends, with its trace; Ctrl-C ends it', async () => {
    const terminal = inTerminal(['tail', '--topic', 'orders'], { columns: 140 });
    await publishUntil(() => /consume {2}orders/.test(stripVTControlCharacters(terminal.output)));
    await publishUntil(() => terminal.output.includes('lost:unroutable'), 'nowhere');
    const lines = stripVTControlCharacters(terminal.output).split('\r\n');
    const time = String.raw`^\d\d:\d\d:\d\d\.\d\d\d`;
    const took = String.raw` +[\d.,]+(us|ms|s)`;
    expect(lines.find((line) => line.includes('publish  orders'))).toMatch(
      new RegExp(`${time}  publish  orders +success${took} +[0-9a-f]{32}$`),
    );
    expect(lines.find((line) => line.includes('consume  orders'))).toMatch(
      new RegExp(`${time}  consume  orders +success${took}${took}  [0-9a-f]{32}$`),
    );
    expect(lines.every((line) => line.length <= 140)).toBe(true);
    terminal.type('\x03');
    expect(await terminal.ended()).toBe(0);
  });

  test('--json: an object a line; another topic is silent', async () => {
    const mine = running(['tail', '--json', '--topic', 'orders']);
    const other = running(['tail', '--json', '--topic', 'others']);
    await publishUntil(() => mine.lines().length > 3);
    const [first] = mine.lines().map((line) => JSON.parse(line));
    expect(first).toMatchObject({ topic: 'orders', pipeline: vhost.name, outcome: 'success' });
    expect(other.lines()).toEqual([]);
    mine.child.kill('SIGINT');
    expect(await end(mine.child)).toBe(0);
  });

  test('a sidecar that ends: one line, exit 1', async () => {
    const short = await startTracehare({ upstream: 'amqp://127.0.0.1:1' });
    const command = startProcess(process.execPath, [program, 'tail', '--admin', `:${short.adminPort}`], {
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    command.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    await until(
      async () => (await (await fetch(`http://127.0.0.1:${short.adminPort}/metrics`)).text()).length > 0,
      'it runs',
    );
    await short.kill();
    expect(await end(command)).toBe(1);
    expect(said).toMatch(/^tracehare: http:\/\/127\.0\.0\.1:\d+: (the sidecar has gone|nobody listens there.*)\n$/);
  });
});

test('losses: those of /api/losses since then, the newest last, and how many', async () => {
  const { code, stdout } = await tracehare(['losses', '--since', '15m', '--topic', 'orders'], env);
  const lines = stdout.trimEnd().split('\n');
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^TIME +TOPIC +SIDE +REASON/);
  const lost = (await sidecar.metrics()).sum('event_lost_total');
  expect(lines.slice(1, -1)).toHaveLength(lost);
  for (const line of lines.slice(1, -1))
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}orders {2}publish {2}unroutable {2}orders nowhere {2}shop-frontend {2}312 NO_ROUTE {2}[0-9a-f]{32}$/,
    );
  expect(lines.at(-1)).toBe(`${lost} lost`);
  expect((await tracehare(['losses', '--since', '0s', '--topic', 'orders'], env)).stdout).toBe('0 lost\n');
  const { losses } = JSON.parse((await tracehare(['losses', '--json', '--limit', '1'], env)).stdout);
  expect(losses).toEqual([expect.objectContaining({ reason: 'unroutable', topic: 'orders' })]);
});

test('map: the way of the messages, with what passed and what was lost', async () => {
  const { code, stdout } = await tracehare(['map'], env);
  expect(code).toBe(0);
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
  const metrics = await sidecar.metrics();
  const messages = (kind: string) => metrics.sum('tracehare_topology_messages_total', { kind }).toLocaleString('en');
  const lost = metrics.sum('event_lost_total');
  expect(rows[1].slice(0, 2)).toEqual(['app shop-frontend', '→ exchange orders']);
  expect(rows[1].slice(3, 5)).toEqual([messages('publish'), String(lost)]);
  expect(rows[2].slice(0, 2)).toEqual(['exchange orders', '→ queue mail']);
  expect(rows[3].slice(0, 2)).toEqual(['queue mail', '→ app shop-frontend']);
  expect(JSON.parse((await tracehare(['map', '--json', '--vhost', vhost.name], env)).stdout).edges).toHaveLength(3);
});

describe('faults', () => {
  test('added, they strike; listed, they have a name; ended, they are over; and each is counted', async () => {
    const args = [
      'faults',
      'add',
      'drop',
      '--match',
      'exchange=orders',
      '--match',
      'routingKey=fault',
      '--stream',
      'upstream',
    ];
    expect(await tracehare(args, env)).toEqual({
      code: 0,
      stdout: 'drop: until `tracehare faults end drop`\n',
      stderr: '',
    });
    publish('fault', 1);
    await until(
      async () => (await sidecar.metrics()).value('tracehare_faults_injected_total', { type: 'drop' }) === 1,
      'it strikes',
    );
    const listed = (await tracehare(['faults'], env)).stdout.split('\n');
    expect(listed[1].split(/ {2,}/)).toEqual([
      'drop',
      'drop',
      '1',
      '-',
      'exchange=orders routingKey=fault side=publish',
      'until ended',
    ]);
    expect((await sidecar.metrics()).value('tracehare_faults_active', { type: 'drop' })).toBe(1);
    expect((await tracehare(['faults', 'end', 'drop'], env)).stdout).toBe('ended: drop\n');
    expect((await tracehare(['faults', 'list'], env)).stdout).toBe('no faults\n');
    expect((await sidecar.metrics()).value('tracehare_admin_changes_total', { change: 'fault_ended' })).toBeGreaterThan(
      0,
    );
  });

  test('--for: it ends by itself, and outlives a reload until then', async () => {
    const args = ['faults', 'add', 'latency', 'latency=1', '--name', 'short', '--for', '3s', '--json'];
    expect(JSON.parse((await tracehare(args, env)).stdout)).toMatchObject({
      name: 'short',
      attributes: { latency: 1 },
    });
    const reloads = async () =>
      (await sidecar.metrics()).value('tracehare_config_reloads_total', { result: 'success' });
    const before = (await reloads()) as number;
    sidecar.signal('SIGHUP');
    await until(async () => (await reloads()) === before + 1, 'it is reloaded');
    const names = async () =>
      JSON.parse((await tracehare(['faults', '--json'], env)).stdout).faults.map(({ name }: { name: string }) => name);
    await until(async () => (await names()).length === 0, 'it has ended');
    expect(sidecar.log.filter(({ msg }) => msg === 'fault ended').length).toBeGreaterThan(0);
    const { faults } = (await (await sidecar.admin('/api/state')).json()) as { faults: object[] };
    expect(faults).toEqual([]);
  });

  test("toxiproxy's names, and milliseconds", async () => {
    await tracehare(['faults', 'add', 'reset_peer', '--match', 'exchange=nobody', '--toxicity', '0.5'], env);
    await tracehare(
      ['faults', 'add', 'latency', 'latency=1000', 'jitter=2s', '--stream', 'downstream', '--match', 'queue=nobody'],
      env,
    );
    const { faults } = JSON.parse((await tracehare(['faults', 'list', '--json'], env)).stdout);
    expect(faults).toMatchObject([
      { name: 'reset', type: 'reset', toxicity: 0.5 },
      { name: 'latency', attributes: { latency: 1000, jitter: 2000 }, match: { queue: 'nobody', side: 'consume' } },
    ]);
    expect((await tracehare(['faults', 'end', '--all'], env)).stdout).toBe('ended: reset, latency\n');
  });

  test.each([
    [['faults', 'lst'], 2, 'faults: unknown word `lst`, did you mean `list`?'],
    [['faults', 'add'], 2, 'faults add needs a type: tracehare faults add latency latency=200ms --for 30s'],
    [['faults', 'add', 'latenzy'], 2, 'type: there is no "latenzy", did you mean `latency`?'],
    [['faults', 'add', 'latency'], 2, 'needs attributes: { latency: … }'],
    [['faults', 'add', 'drop', 'x'], 2, 'attribute `x`: expects KEY=VALUE'],
    [
      ['faults', 'add', 'drop', '--for', '3'],
      2,
      'for: expects a number with a unit (ms, s, m or h), such as 250ms or 10s',
    ],
    [['faults', 'add', 'drop', '--toxicity', 'x'], 2, 'toxicity: expects a number above 0, up to 1'],
    [['faults', 'add', 'drop', '--stream', 'up'], 2, '--stream: expects upstream or downstream'],
    [['faults', 'add', 'drop', '--match', 'exchnge=x'], 2, 'match: unknown key "exchnge"'],
    [['faults', 'end'], 2, 'faults end needs a name, or --all'],
    [['faults', 'end', 'nobody'], 1, 'no fault nobody was added; there is none'],
  ])('%j: one line', async (args, code, line) => {
    const ended = await tracehare(args, env);
    expect(ended.stdout).toBe('');
    expect(ended.code).toBe(code);
    const lines = ended.stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0].replace(`http://${env.TRACEHARE_ADMIN}: `, '')).toBe(`tracehare: ${line}`);
  });
});

test('bypass on and off: for new connections, shown and counted, without a word for the others', async () => {
  expect((await tracehare(['bypass', 'on'], env)).stdout).toBe('new connections are plain pipes\n');
  expect((await sidecar.metrics()).value('tracehare_bypass')).toBe(1);
  const bypassed = async () =>
    (await sidecar.metrics()).sum('tracehare_bypassed_connections_total', { reason: 'bypass' });
  await (await connect(vhost.url(sidecar.port))).close();
  await until(async () => (await bypassed()) === 1, 'a new connection is a pipe');
  expect((await tracehare(['bypass', 'off', '--json'], env)).stdout).toBe('{"bypass":false}\n');
  await (await connect(vhost.url(sidecar.port))).close();
  expect([await bypassed(), (await sidecar.metrics()).value('tracehare_bypass')]).toEqual([1, 0]);
  for (const change of ['bypass_on', 'bypass_off'])
    expect((await sidecar.metrics()).value('tracehare_admin_changes_total', { change })).toBe(1);
});

describe('a sidecar that can not be asked: one line, exit 1', () => {
  const refused = async (args: string[], given: Record<string, string> = env): Promise<string> => {
    const { code, stdout, stderr } = await tracehare(args, given);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    return stderr.trimEnd();
  };

  test.each([['top'], ['tail'], ['losses'], ['map'], ['faults'], ['bypass', 'on']])(
    '%s %s: nobody listens',
    async (...args) => {
      const admin = `http://127.0.0.1:${await freePort()}`;
      const words = args.filter((each) => each !== undefined);
      expect(await refused([...words, '--admin', admin])).toBe(
        `tracehare: ${admin}: nobody listens there: is a sidecar running, and is this its admin address? Name it by --admin`,
      );
    },
  );

  test('something else answers', async () => {
    const admin = `http://127.0.0.1:${sidecar.adminPort}/elsewhere`;
    expect(await refused(['top', '--admin', admin])).toMatch(/nothing here/);
  });

  test('a wrong token, and none', async () => {
    expect(await refused(['bypass', 'on', '--token', 'wrong'])).toMatch(
      /this needs the token .*; give it by --token or TRACEHARE_ADMIN_TOKEN$/,
    );
    expect(await refused(['bypass', 'on'], { TRACEHARE_ADMIN: env.TRACEHARE_ADMIN })).toMatch(/this needs the token/);
    const open = await startTracehare({ upstream: 'amqp://127.0.0.1:1' });
    onTestFinished(async () => {
      await open.kill();
    });
    expect(await refused(['faults', 'add', 'drop', '--admin', `:${open.adminPort}`])).toMatch(
      /nothing can be changed without a token: set admin\.token/,
    );
  });

  test('no URL: exit 2', async () => {
    expect(await tracehare(['top', '--admin', 'ftp://x'], env)).toEqual({
      code: 2,
      stdout: '',
      stderr: 'tracehare: --admin: expects a URL such as http://127.0.0.1:9673\n',
    });
  });
});
