import { setTimeout as pause } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import { Figures } from './figures.ts';
import { HELP, type Options, readOptions } from './options.ts';
import { playPart } from './part.ts';
import { freePorts, type Ports, type Sidecar, startSidecar } from './sidecar.ts';
import { addressOf, Failure, type Stage, setStage } from './stage.ts';
import { Story } from './story.ts';
import { Terminal } from './terminal.ts';

const APPS = [
  { name: 'order-service', ports: { listen: 5673, admin: 9673 } },
  { name: 'payment-service', ports: { listen: 5674, admin: 9674 } },
  { name: 'mail-service', ports: { listen: 5675, admin: 9675 } },
];
const APP_PATIENCE_MS = 3_000;
const SIDECAR_PATIENCE_MS = 12_000;
/** another demo that starts at the same time finds the same ports free: from the second start on neither asks for them */
const MOST_STARTS = 5;
const ANY: Ports = { listen: 0, admin: 0 };

/** `tracehare demo`. Exit 0 when ended as asked, 1 when something failed, 2 on wrong flags. `sidecar` runs one. */
export async function demo(argv: string[], sidecar: (argv: string[]) => Promise<void>): Promise<void> {
  if (argv[0] === 'part') return playPart(argv.slice(1), sidecar);
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  try {
    process.exitCode = await play(readOptions(argv));
  } catch (error) {
    process.stderr.write(`tracehare: demo: ${(error as Error).message}; tracehare demo --help says more\n`);
    process.exitCode = 2;
  }
}

async function play(options: Options): Promise<number> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // The second time at once: what was started ends as soon as this process is gone.
      if (stopping.signal.aborted) process.exit(0);
      stopping.abort();
    });
  }
  // nobody reads any longer
  process.stdout.on('error', () => stopping.abort());
  const { signal } = stopping;
  const children: { sidecars: Sidecar[]; apps: Child[] } = { sidecars: [], apps: [] };
  let stage: Stage | undefined;
  let code = 0;
  try {
    stage = await setStage(options, signal);
    const { url } = stage;
    children.sidecars = await startSidecars(url, signal);
    if (signal.aborted) return 0;
    // whoever publishes comes last, so that what it publishes finds its queues
    for (const index of [2, 1, 0]) {
      const { name } = APPS[index];
      const app = startChild(name, name, [], { AMQP_URL: through(children.sidecars[index], url) });
      children.apps.unshift(app);
      if (index > 0) await ready(app, signal);
    }
    await watch(stage, children, signal, options.seconds);
  } catch (error) {
    // A Ctrl-C also reaches what is being started: its complaints are no news then.
    if (!signal.aborted) {
      console.error(`demo: ${error instanceof Failure ? error.message : (error as Error).stack}`);
      code = 1;
    }
  } finally {
    await Promise.all(children.apps.map((app) => app.stop(APP_PATIENCE_MS)));
    await Promise.all(children.sidecars.map(({ child }) => child.stop(SIDECAR_PATIENCE_MS)));
    await stage?.stop();
  }
  return code;
}

/** Resolves when the app has said that it is ready; throws when it ends before that. */
async function ready(app: Child, signal: AbortSignal): Promise<void> {
  const said = new Promise<void>((resolve) => {
    app.onLine((line) => {
      if (line === `${app.name}: ready`) resolve();
    });
    signal.addEventListener('abort', () => resolve());
  });
  const ended = app.ended.then((reason) => {
    throw new Failure(reason);
  });
  await Promise.race([said, ended]);
  ended.catch(() => {});
}

/** All at once; when one can't be started the others are ended, and all try other ports if somebody took one of theirs. */
async function startSidecars(broker: URL, signal: AbortSignal): Promise<Sidecar[]> {
  for (let start = 1; ; start++) {
    const ports = await Promise.all(APPS.map((app) => freePorts(start === 1 ? app.ports : ANY)));
    const peers = ports.map(({ admin }) => admin);
    const starting = await Promise.allSettled(
      APPS.map(({ name }, index) => startSidecar(name, addressOf(broker), ports[index], peers)),
    );
    const started = starting.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const reasons = starting.flatMap((each) => (each.status === 'rejected' ? [(each.reason as Error).message] : []));
    if (reasons.length === 0) return started;
    await Promise.all(started.map(({ child }) => child.stop(SIDECAR_PATIENCE_MS)));
    const isTaken = reasons.every((reason) => reason.includes('address already in use'));
    if (!isTaken || signal.aborted || start === MOST_STARTS) throw new Failure(reasons[0]);
  }
}

/** Tells what happens until the time is up or a signal comes; throws when something has ended. */
async function watch(
  stage: Stage,
  { sidecars, apps }: { sidecars: Sidecar[]; apps: Child[] },
  signal: AbortSignal,
  seconds = Number.POSITIVE_INFINITY,
): Promise<void> {
  const terminal = new Terminal();
  for (const line of introduction(stage, sidecars)) terminal.say(line);
  const [orders, payments, mails] = sidecars.map(({ admin }) => admin);
  const story = new Story({ orders, payments, mails }, (line) => terminal.say(line));
  const figures = new Figures();
  let unanswered = 0;
  apps[0].onLine((line) => {
    if (line.includes('no answer')) unanswered++;
  });
  let gone: string | undefined;
  for (const { ended } of [...sidecars.map(({ child }) => child), ...apps]) {
    ended.then((reason) => {
      gone ??= reason;
    });
  }
  const end = Date.now() + seconds * 1000;
  while (!signal.aborted) {
    const scrapes = await Promise.all(sidecars.map((sidecar) => sidecar.scrape()));
    gone ??= stage.gone();
    if (gone !== undefined) break;
    const whole = scrapes.filter((each) => each !== undefined);
    // a scrape that failed although all are alive is tried again in a second
    if (whole.length === APPS.length) {
      const [ordersNow, paymentsNow, mailsNow] = whole;
      figures.add(whole, Date.now());
      story.see({ orders: ordersNow, payments: paymentsNow, mails: mailsNow, unanswered });
      terminal.show(figures.line());
    }
    if (Date.now() >= end) break;
    await pause(Math.min(1000, end - Date.now()), undefined, { signal }).catch(() => {});
  }
  terminal.end();
  terminal.say(figures.line());
  if (gone !== undefined && !signal.aborted) throw new Failure(gone);
  terminal.say('demo: ending everything it started');
}

function introduction(stage: Stage, sidecars: Sidecar[]): string[] {
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return [
    '',
    'Three plain AMQP apps without any telemetry code, each through a Tracehare of its own, whose pages show all three:',
    '',
    ...sidecars.map(({ admin, listen }, index) => `  ${APPS[index].name.padEnd(17)}${admin}/  connects to ${listen}`),
    `  ${'broker'.padEnd(17)}${stage.said}`,
    '',
    endpoint
      ? `Traces go to ${endpoint} too: look there for the services order-service, payment-service, mail-service.`
      : 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 has traces sent to a Jaeger there too.',
    'Ctrl-C ends everything.',
    '',
  ];
}

/** The app's URL: the sidecar's address, all else as for the broker. */
function through(sidecar: Sidecar, broker: URL): string {
  const credentials = broker.username ? `${broker.username}:${broker.password}` : 'guest:guest';
  return `amqp://${credentials}@${sidecar.listen}${broker.pathname}`;
}
