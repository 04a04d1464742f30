/**
 * `unshare -n node scripts/clients/isolated.ts CLIENT WAY FOLDER OUT LOG [ONLY]`: one run of a client's tests, in a network of its own.
 * There, nothing but the way that is told leads to a broker: a suite that expects port 5672 of localhost meets the
 * sidecar, and none can pass by it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../testing/folder.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { clientNamed } from './all.ts';
import type { Counted, Reachable, Way } from './client.ts';
import { must } from './commands.ts';
import type { Run } from './runs.ts';

const [name, way, folder, out, log, onlyFile] = process.argv.slice(2) as [string, Way, string, string, string, string?];
const client = clientNamed(name);
const only = onlyFile === undefined ? undefined : (JSON.parse(readFileSync(onlyFile, 'utf8')) as string[]);
const scratch = temporaryFolder('clients');

must('ip', ['link', 'set', 'lo', 'up']);
const own = client.certificates;
const certificates = own && {
  ca: join(folder, own.ca),
  cert: join(folder, own.cert),
  key: join(folder, own.key),
};
const usual = { amqp: 5672, amqps: 5671, management: 15672 };
const behind = { ...usual, amqp: 25672, amqps: 25671 };
const broker = await startRabbitMQ({
  tls: true,
  ports: way === 'direct' ? usual : behind,
  config: client.config ?? [],
  ...(certificates && { certificates }),
});
for (const command of client.setUp ?? []) await broker.ctl(...command);
const sidecars = way === 'direct' ? [] : await startSidecars(broker);

const started = performance.now();
const results = await client.run(folder, reachable(broker), only);
const run: Run = {
  version: client.version,
  results,
  seconds: Math.round((performance.now() - started) / 1000),
  sidecar: await ended(sidecars),
};
await broker.stop();
scratch.remove();
writeFileSync(out, JSON.stringify(run));

function shown(broker: RabbitMQ): { ca: string; cert: string; key: string } {
  const made = broker.certificates as NonNullable<RabbitMQ['certificates']>;
  return certificates ?? { ca: made.ca, ...made.server };
}

/** One for each port: a sidecar listens on one only. */
async function startSidecars(broker: RabbitMQ): Promise<Tracehare[]> {
  const loss = ['--loss', way];
  const { cert, key } = shown(broker);
  const plain = await startTracehare({
    listen: '127.0.0.1:5672',
    upstream: `amqp://127.0.0.1:${broker.port}`,
    args: loss,
  });
  const tls = await startTracehare({
    listen: '127.0.0.1:5671',
    upstream: `amqps://127.0.0.1:${broker.tlsPort}`,
    // clients' certificates are for names of their authors' machines
    args: [...loss, '--listen-tls-cert', cert, '--listen-tls-key', key],
    env: { TRACEHARE_UPSTREAM_TLS_VERIFY: 'false' },
  });
  return [plain, tls];
}

function reachable(broker: RabbitMQ): Reachable {
  const made = broker.certificates as NonNullable<RabbitMQ['certificates']>;
  const rabbitmqctl = join(scratch.path, 'rabbitmqctl');
  const variables = Object.entries(broker.control.env)
    .filter(([variable]) => /^(RABBITMQ_|ERL_|HOME$)/.test(variable))
    .map(([variable, value]) => `export ${variable}='${value}'`);
  const lines = ['#!/bin/sh', ...variables, `exec ${broker.control.program} "$@"`];
  writeFileSync(rabbitmqctl, `${lines.join('\n')}\n`, { mode: 0o755 });
  return {
    ...(sidecars.length > 0 && { counted: () => counted(sidecars) }),
    rabbitmqctl,
    certificates: { ...shown(broker), clientCert: made.client.cert, clientKey: made.client.key },
    scratch: scratch.path,
    log,
    minutes: client.minutes,
  };
}

async function counted(sidecars: Tracehare[]): Promise<Counted> {
  const sum = { published: 0, delivered: 0 };
  for (const sidecar of sidecars) {
    const metrics = await sidecar.metrics();
    sum.published += metrics.sum('messaging_client_sent_messages_total');
    sum.delivered += metrics.sum('messaging_client_consumed_messages_total');
  }
  return sum;
}

/** What the sidecars say of the run: how many messages they saw, and what went wrong with themselves. */
async function ended(sidecars: Tracehare[]): Promise<Run['sidecar']> {
  if (sidecars.length === 0) return undefined;
  const messages = await counted(sidecars);
  const troubles: string[] = [];
  for (const sidecar of sidecars) {
    const exit = await sidecar.stop();
    if (exit !== 0) troubles.push(`a sidecar ended with ${exit}`);
    troubles.push(...sidecar.log.filter(({ level = 0 }) => level >= 50).map((line) => JSON.stringify(line)));
  }
  return { ...messages, troubles };
}
