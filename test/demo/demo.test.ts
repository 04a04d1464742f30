import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../testing/folder.ts';
import { Metrics } from '../../testing/metrics.ts';
import { run } from '../../testing/processes.ts';
import { createVhost } from '../../testing/vhost.ts';
import { until } from '../../testing/wait.ts';
import { type Demo, startDemo } from './running-demo.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder('demo');
});
afterEach(() => folder.remove());

const demo = (...args: string[]): Demo => startDemo(process.execPath, [program, 'demo', ...args], folder.path);

test('tells the whole story, each chapter where the sidecars show it, and leaves nothing behind', async () => {
  const playing = demo();
  const [orders, payments, mails] = await playing.introduced();
  await playing.tells('That was the story');
  const scrape = async (admin: string) => new Metrics(await (await fetch(`${admin}/metrics`)).text());
  const { losses } = (await (await fetch(`${orders}/api/losses?reason=unroutable`)).json()) as {
    losses: { routingKey: string }[];
  };
  // apps declare what they consume before anybody publishes: the story's own loss is the only one
  expect(new Set(losses.map(({ routingKey }) => routingKey))).toEqual(new Set(['order.archived']));
  expect((await scrape(orders)).sum('event_lost_total', { reason: 'unroutable' })).toBeGreaterThan(0);
  expect((await scrape(payments)).sum('event_requeued_total')).toBeGreaterThan(0);
  const buried = { queue: 'payment.orders', reason: 'rejected' };
  expect((await scrape(mails)).sum('event_dead_lettered_total', buried)).toBeGreaterThan(0);
  expect((await scrape(mails)).sum('event_processing_seconds_count', { queue: 'mails' })).toBeGreaterThan(0);
  const treeOf = async (topic: string): Promise<string[]> => {
    const { traces } = (await (await fetch(`${orders}/api/traces?topic=${topic}&limit=50`)).json()) as {
      traces: { name: string; topics: string[]; spans: number }[];
    };
    return traces.map(({ name, topics, spans }) => `${name} (${topics.join(', ')}): ${spans}`);
  };
  // a question and its answer, an order and its payment
  await until(
    async () => (await treeOf('amq.rabbitmq.reply-to')).some((trace) => /: 4$/.test(trace)),
    'a call is a trace of four spans',
  );
  await until(
    async () => (await treeOf('payments.events')).some((trace) => /^publish orders.*payments\.events/.test(trace)),
    'an order and its payment are one trace',
  );
  for (const url of new Set(playing.output().match(/http:\/\/127\.0\.0\.1:\d+\/\S*/g))) {
    expect((await fetch(url)).status, url).toBe(200);
  }
  playing.child.kill('SIGINT');
  expect(await playing.ended(), playing.output()).toBe(0);
  expect(playing.output()).toMatch(/^publish \d+\/s {2}deliver \d+\/s {2}p50 [\d.]+ p95 [\d.]+ ms {2}loss \d/m);
});

test('two that are started at once both play, on ports of their own', async () => {
  const folders = [temporaryFolder('demo'), temporaryFolder('demo')];
  const playing = folders.map(({ path }) => startDemo(process.execPath, [program, 'demo'], path));
  const admins = await Promise.all(playing.map((each) => each.introduced()));
  expect(new Set(admins.flat()).size).toBe(6);
  for (const { child } of playing) child.kill('SIGINT');
  for (const each of playing) expect(await each.ended(), each.output()).toBe(0);
  for (const each of folders) each.remove();
});

test('ends by itself after --seconds', async () => {
  const playing = demo('--seconds', '1');
  expect(await playing.ended(), playing.output()).toBe(0);
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends all that it started, also twice in a row',
  async (name) => {
    const playing = demo();
    await playing.introduced();
    expect(playing.processes().size).toBe(7);
    playing.child.kill(name);
    playing.child.kill(name);
    expect(await playing.ended(), playing.output()).toBe(0);
  },
);

test('killed, it leaves nothing behind either', async () => {
  const playing = demo();
  await playing.introduced();
  playing.child.kill('SIGKILL');
  expect(await playing.ended()).toBe('SIGKILL');
});

test.each(['order-service', 'part sidecar'])('when a %s dies it says so and ends', async (part) => {
  const playing = demo();
  await playing.introduced();
  const pid = [...playing.processes()].find(([, command]) => command.includes(part))?.[0] as number;
  process.kill(pid, 'SIGKILL');
  expect(await playing.ended()).toBe(1);
  expect(playing.output()).toMatch(/^demo: (order|payment|mail)-service('s sidecar)? ended \(SIGKILL\)/m);
});

test('plays on a broker that is there', async () => {
  const vhost = await createVhost();
  try {
    const playing = demo('--upstream', vhost.url());
    await playing.introduced();
    const queues = async () => (await vhost.management.call('GET', `queues/${vhost.name}`)) as { name: string }[];
    await until(async () => (await queues()).some(({ name }) => name === 'mails'), 'RabbitMQ has its queues');
    await playing.tells('Orders, payments, mails');
    playing.child.kill('SIGINT');
    expect(await playing.ended(), playing.output()).toBe(0);
  } finally {
    await vhost.remove();
  }
});

test('plays on an installed RabbitMQ that it starts, and ends it', async () => {
  const playing = demo('--broker', 'rabbitmq');
  await playing.tells('Orders, payments, mails');
  expect([...playing.processes().values()].filter((command) => command.includes('beam'))).not.toEqual([]);
  playing.child.kill('SIGINT');
  expect(await playing.ended(), playing.output()).toBe(0);
});

test('killed, it leaves nothing behind of that RabbitMQ', async () => {
  const playing = demo('--broker', 'rabbitmq');
  await playing.introduced();
  playing.child.kill('SIGKILL');
  expect(await playing.ended()).toBe('SIGKILL');
});

test('without a broker at --upstream it says so in one line', async () => {
  const playing = demo('--upstream', 'amqp://127.0.0.1:1');
  expect(await playing.ended()).toBe(1);
  expect(playing.output()).toMatch(/^demo: no broker at amqp:\/\/127\.0\.0\.1:1: .*\n$/);
});

test.each([
  [['--upstream', 'http://a'], /^tracehare: demo: --upstream http:\/\/a: no amqp:\/\/ or amqps:\/\/ address; .*\n$/],
  [['--broker', 'kafka'], /^tracehare: demo: --broker kafka: no such broker; embedded or rabbitmq; .*\n$/],
  [
    ['--broker', 'rabbitmq', '--upstream', 'amqp://a'],
    /^tracehare: demo: --upstream and --broker: give one of them.*\n$/,
  ],
  [['--seconds', 'soon'], /^tracehare: demo: --seconds soon: no number above 0; .*\n$/],
  [['--sideways'], /^tracehare: demo: Unknown option '--sideways'.*\n$/],
])('%j is refused in one line', async (args, line) => {
  const { code, stderr } = await run(process.execPath, [program, 'demo', ...args]);
  expect(stderr).toMatch(line);
  expect(code).toBe(2);
});

test('--help says how to play it', async () => {
  const { code, stdout } = await run(process.execPath, [program, 'demo', '--help']);
  expect(code).toBe(0);
  for (const flag of ['--upstream', '--broker', '--seconds']) expect(stdout.toString()).toContain(flag);
});
