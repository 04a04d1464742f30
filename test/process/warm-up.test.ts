import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { startOtlpReceiver } from '../../testing/otlp.ts';
import { startTracehare, type Tracehare, type TracehareOptions } from '../../testing/tracehare.ts';

// Messages of its own pass through a sidecar before apps can connect to it: nobody must hear of them.

const DEBUG = 'log: { level: debug }\nworkers: 2\n';
const COLD = ['--no-process-warm-up'];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function started(options: TracehareOptions = {}): Promise<Tracehare> {
  const sidecar = await startTracehare({ upstream: 'amqp://127.0.0.1:1', config: DEBUG, ...options });
  closing.push(() => sidecar.kill());
  return sidecar;
}

/** What is of the process, its clock and its scrapes, so of no message. */
const OF_THE_PROCESS = /^(process_|nodejs_|tracehare_(clock|scrape|config_last_reload_success_timestamp))/;

async function figures(sidecar: Tracehare): Promise<string[]> {
  const { samples } = await sidecar.metrics();
  return samples
    .filter(({ name }) => !OF_THE_PROCESS.test(name))
    .map(({ name, labels, value }) => `${name} ${JSON.stringify(labels)} ${value}`)
    .toSorted();
}

test('every figure, name and label is as if nothing had passed', async () => {
  const [warm, cold] = [await started(), await started({ args: COLD })];
  expect(await figures(warm)).toEqual(await figures(cold));
});

test('no topic, connection, trace, loss or edge is known, and the log tells of nothing but the start', async () => {
  const [warm, cold] = [await started(), await started({ args: COLD })];
  for (const path of ['topics', 'connections', 'traces', 'losses', 'topology', 'findings', 'poison']) {
    const [theirs, ours] = await Promise.all(
      [warm, cold].map(async (each) => (await each.admin(`/api/${path}`)).json()),
    );
    expect(namesOf(theirs), path).toEqual(namesOf(ours));
  }
  expect(warm.log.map(({ msg }) => msg)).toEqual(cold.log.map(({ msg }) => msg));
});

/** All texts but those that are another process's anyway: ids, addresses, times. */
function namesOf(answer: unknown): string {
  return JSON.stringify(answer, (_, value) => (typeof value === 'number' ? 0 : value)).replaceAll(
    /[0-9a-f-]{36}|:\d{4,5}\b|\d{4}-\d\d-\d\dT[\d:.]+Z/g,
    '',
  );
}

test('no span is exported, though all are sampled', async () => {
  const receiver = await startOtlpReceiver();
  closing.push(() => receiver.close());
  const sidecar = await started({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_TRACES_SAMPLER: 'always_on' },
  });
  // all that waits is sent at the end
  expect(await sidecar.stop()).toBe(0);
  expect(receiver.spans).toEqual([]);
});

test('it listens where it says and nowhere else', async () => {
  const sidecar = await started({ config: 'log: { level: debug }\n' });
  await expect
    .poll(() => listening(sidecar.pid), { timeout: 30_000 })
    .toEqual([sidecar.port, sidecar.adminPort].toSorted());
});

/** Ports of IPv4 on which the process listens. */
function listening(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        // closed meanwhile
        return [];
      }
    }),
  );
  const LISTEN = '0A';
  return readFileSync(`/proc/${pid}/net/tcp`, 'latin1')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && sockets.has(inode))
    .map(([, local]) => Number.parseInt(local.split(':')[1], 16))
    .toSorted();
}

test('one connection at most, a bypass, plugins that are none: it starts', async () => {
  await started({ args: ['--limits-connections', '1'] });
  await started({ args: ['--bypass'] });
});
