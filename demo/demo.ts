import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { provision } from '../scripts/provision.mjs';
import { startRabbitMQ } from '../testing/rabbitmq.ts';
import { type Child, startChild } from './child.ts';
import { Figures } from './figures.ts';
import { type Sidecar, startSidecar } from './sidecar.ts';

// Two plain AMQP apps, a sidecar each, and what the sidecars see of them.

const USAGE = 'usage: npm run demo -- [--upstream amqp://[user:password@]host[:port][/vhost]] [--seconds N]';
const APPS = [
  { name: 'order-service', ports: { listen: 5673, admin: 9673 } },
  { name: 'payment-service', ports: { listen: 5674, admin: 9674 } },
];
const APP_PATIENCE_MS = 3_000;
const SIDECAR_PATIENCE_MS = 12_000;
const LINE_EVERY_S = 5;

/** An end that is nobody's bug: one line for the user. */
class Failure extends Error {}

interface Broker {
  url: URL;
  said: string;
  /** why it is gone, undefined while it is there */
  gone(): string | undefined;
  stop(): Promise<void>;
}

const options = readOptions();
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second time at once: what was started is killed as soon as this process is gone.
    if (stopping.signal.aborted) process.exit(0);
    stopping.abort();
  });
}
process.exitCode = await run();

async function run(): Promise<number> {
  const apps: Child[] = [];
  const sidecars: Sidecar[] = [];
  let broker: Broker | undefined;
  let code = 0;
  try {
    broker = options.upstream ? await existingBroker(options.upstream) : await privateBroker();
    for (const { name, ports } of APPS) {
      if (stopping.signal.aborted) return 0;
      sidecars.push(await startSidecar(name, addressOf(broker.url), ports));
    }
    for (const [index, { name }] of APPS.entries()) {
      apps.push(startChild(name, `demo/${name}.ts`, [], { AMQP_URL: through(sidecars[index], broker.url) }));
    }
    console.log(introduction(broker, sidecars));
    await watch(broker, sidecars, apps);
  } catch (error) {
    // A Ctrl-C also reaches what is being started: its complaints are no news then.
    if (!stopping.signal.aborted) {
      console.error(`demo: ${error instanceof Failure ? error.message : (error as Error).stack}`);
      code = 1;
    }
  } finally {
    await Promise.all(apps.map((app) => app.stop(APP_PATIENCE_MS)));
    await Promise.all(sidecars.map(({ child }) => child.stop(SIDECAR_PATIENCE_MS)));
    await broker?.stop();
  }
  return code;
}

/** Shows the figures until the time is up or a signal comes; throws when something has ended. */
async function watch(broker: Broker, sidecars: Sidecar[], apps: Child[]): Promise<void> {
  const figures = new Figures();
  const end = options.seconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.seconds * 1000;
  const { isTTY } = process.stdout;
  let gone: string | undefined;
  for (const child of [...sidecars.map((sidecar) => sidecar.child), ...apps]) {
    child.ended.then((reason) => {
      gone ??= reason;
    });
  }
  for (let tick = 0; !stopping.signal.aborted; tick++) {
    const scrapes = await Promise.all(sidecars.map((sidecar) => sidecar.metrics())).catch(() => undefined);
    gone = broker.gone() ?? gone;
    if (gone !== undefined) break;
    // A scrape that failed although all are alive is tried again in a second.
    if (scrapes !== undefined) figures.add(scrapes, Date.now());
    if (isTTY) process.stdout.write(`\r${figures.line().slice(0, (process.stdout.columns || 80) - 1)}\x1b[K`);
    else if (tick > 0 && tick % LINE_EVERY_S === 0) console.log(figures.line());
    if (Date.now() >= end) break;
    await pause(Math.min(1000, end - Date.now()), undefined, { signal: stopping.signal }).catch(() => {});
  }
  console.log(isTTY ? '' : figures.line());
  if (gone !== undefined && !stopping.signal.aborted) throw new Failure(gone);
  console.log('demo: ending everything it started');
}

async function existingBroker(upstream: string): Promise<Broker> {
  const url = new URL(upstream);
  const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: portOf(url) });
  try {
    await once(socket, 'connect', { signal: stopping.signal });
  } catch (error) {
    throw new Failure(`no broker at ${addressOf(url)}: ${(error as Error).message}; start it, or leave --upstream out`);
  } finally {
    socket.destroy();
  }
  return { url, said: addressOf(url), gone: () => undefined, stop: async () => {} };
}

async function privateBroker(): Promise<Broker> {
  try {
    provision(['rabbitmq']);
  } catch (error) {
    throw new Failure(`${(error as Error).message}; or give a broker: npm run demo -- --upstream amqp://host:5672`);
  }
  console.log('demo: starting a RabbitMQ of its own');
  const rabbitmq = await startRabbitMQ();
  const pid = rabbitmq.pid();
  return {
    url: new URL(`amqp://127.0.0.1:${rabbitmq.port}`),
    said: `amqp://127.0.0.1:${rabbitmq.port} (private, ends with the demo)`,
    gone: () =>
      isRunning(pid) ? undefined : `RabbitMQ ended; it last said: ${rabbitmq.log().trimEnd().split('\n').at(-1)}`,
    stop: () => rabbitmq.stop(),
  };
}

function introduction(broker: Broker, sidecars: Sidecar[]): string {
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const rows = sidecars.map(
    ({ admin, listen }, index) =>
      `  ${APPS[index].name.padEnd(16)}through ${listen.padEnd(16)}${admin}/  ${admin}/metrics`,
  );
  return [
    '',
    'Two plain AMQP apps without any telemetry code, each through a Tracehare of its own:',
    '',
    ...rows,
    `  ${'RabbitMQ'.padEnd(16)}${broker.said}`,
    '',
    endpoint
      ? `Traces go to ${endpoint}: in Jaeger choose the service order-service or payment-service.`
      : 'Traces: with a local Jaeger, set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 to have them sent there.',
    'Ctrl-C ends everything.',
    '',
  ].join('\n');
}

/** What the sidecar is told: no credentials, the app's own pass through. */
function addressOf(url: URL): string {
  return `${url.protocol}//${url.hostname}:${portOf(url)}`;
}

/** The app's URL: the sidecar's address, all else as for the broker. */
function through(sidecar: Sidecar, broker: URL): string {
  const credentials = broker.username ? `${broker.username}:${broker.password}` : 'guest:guest';
  return `amqp://${credentials}@${sidecar.listen}${broker.pathname}`;
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'amqps:' ? 5671 : 5672));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function readOptions(): { upstream: string | undefined; seconds: number | undefined } {
  try {
    const { values } = parseArgs({ options: { upstream: { type: 'string' }, seconds: { type: 'string' } } });
    if (values.upstream !== undefined && !/^amqps?:\/\/[^/]/.test(values.upstream)) {
      throw new Error(`--upstream: ${values.upstream} is no amqp:// or amqps:// address`);
    }
    const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
    if (seconds !== undefined && !(seconds > 0)) throw new Error(`--seconds: ${values.seconds} is no number above 0`);
    return { upstream: values.upstream, seconds };
  } catch (error) {
    console.error(`demo: ${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
