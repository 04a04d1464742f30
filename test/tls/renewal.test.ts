import { copyFileSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type ChannelModel, connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare, type Tracehare } from '../../testing/tracehare.ts';
import { counts, reloaded } from '../reload/rig.ts';

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

let folder: ReturnType<typeof temporaryFolder>;
let first: Certificates;
let second: Certificates;
let sidecar: Tracehare | undefined;
beforeEach(() => {
  folder = temporaryFolder('renewal');
  [first, second] = ['first', 'second'].map((name) => {
    mkdirSync(join(folder.path, name));
    return makeCertificates(join(folder.path, name));
  });
});
afterEach(async () => {
  await sidecar?.kill();
  folder.remove();
});

/** What a Secret holds, as cert-manager names it. */
interface Secret {
  'tls.crt'?: string;
  'tls.key'?: string;
  'ca.crt'?: string;
}

/** Mounts a Secret's version as the kubelet does: the link `..data` is replaced by renaming another over it. */
function mount(version: string, secret: Secret): void {
  const mounted = join(folder.path, 'mounted');
  mkdirSync(join(mounted, `..${version}`), { recursive: true });
  for (const [name, path] of Object.entries(secret)) {
    copyFileSync(path, join(mounted, `..${version}`, name));
    if (version === 'first') symlinkSync(join('..data', name), join(mounted, name));
  }
  symlinkSync(`..${version}`, join(mounted, '..data_tmp'));
  renameSync(join(mounted, '..data_tmp'), join(mounted, '..data'));
}

const mounted = (name: keyof Secret) => join(folder.path, 'mounted', name);

async function start(config: object, args: string[] = []): Promise<Tracehare> {
  // JSON is YAML
  sidecar = await startTracehare({ config: JSON.stringify(config), args });
  return sidecar;
}

/** The certificate that an app is shown now, by its fingerprint. */
function shown({ port }: Tracehare): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

async function open(port: number, scheme: 'amqp' | 'amqps'): Promise<ChannelModel> {
  const model = await connect(`${scheme}://guest:guest@127.0.0.1:${port}/`, { rejectUnauthorized: false } as object);
  model.on('error', () => {});
  return model;
}

async function publish(model: ChannelModel): Promise<void> {
  const channel = await model.createConfirmChannel();
  channel.publish('amq.topic', 'key', Buffer.from('x'));
  await channel.waitForConfirms();
  await channel.close();
}

test.each([1, 2])(
  '%i worker(s): a renewed certificate is for new connections, and one that is broken for none',
  async (workers) => {
    mount('first', { 'tls.crt': first.server.cert, 'tls.key': first.server.key });
    const tls = { cert: mounted('tls.crt'), key: mounted('tls.key') };
    const config = {
      listen: { address: '127.0.0.1:0', tls },
      upstream: `amqp://127.0.0.1:${broker.port}`,
      workers,
    };
    const sidecar = await start(config);
    const old = await open(sidecar.port, 'amqps');
    const before = await shown(sidecar);

    const line = await reloaded(sidecar, () =>
      mount('second', { 'tls.crt': second.server.cert, 'tls.key': second.server.key }),
    );
    expect(line.changed).toEqual(['listen.tls.cert', 'listen.tls.key']);
    const after = await shown(sidecar);
    expect(after).not.toBe(before);
    for (let i = 0; i < 10; i++) expect(await shown(sidecar)).toBe(after);
    await publish(old);

    const wrong = await reloaded(sidecar, () =>
      mount('third', { 'tls.crt': first.server.cert, 'tls.key': second.server.key }),
    );
    expect(wrong.problems).toEqual([
      expect.stringMatching(
        `^\\S+/tracehare.yaml:1:\\d+: listen.tls.key: ${tls.key}: does not belong to the certificate in ${tls.cert}$`,
      ),
    ]);
    expect(await shown(sidecar)).toBe(after);
    expect(await counts(sidecar)).toMatchObject({ success: 1, failure: 1, successful: 0 });

    await reloaded(sidecar, () => mount('fourth', { 'tls.crt': first.server.cert, 'tls.key': first.server.key }));
    expect(await shown(sidecar)).toBe(before);
    await publish(old);
    await publish(await open(sidecar.port, 'amqps'));
    expect((await sidecar.metrics()).sum('event_bytes_total', { side: 'publish' })).toBe(3);
  },
);

test('a renewed CA of the broker is for new connections', async () => {
  const right = broker.certificates as Certificates;
  mount('first', { 'ca.crt': right.ca });
  const upstream = { urls: `amqps://localhost:${broker.tlsPort}`, tls: { ca: mounted('ca.crt') } };
  const sidecar = await start({ upstream });
  const old = await open(sidecar.port, 'amqp');
  expect((await reloaded(sidecar, () => mount('second', { 'ca.crt': first.ca }))).changed).toEqual(['upstream.tls.ca']);
  await expect(open(sidecar.port, 'amqp')).rejects.toThrow();
  await publish(old);
  await reloaded(sidecar, () => mount('third', { 'ca.crt': right.ca }));
  await publish(await open(sidecar.port, 'amqp'));
  const { problems } = await reloaded(sidecar, () => mount('fourth', { 'ca.crt': first.server.key }));
  expect(problems).toEqual([
    expect.stringMatching(`:1:\\d+: upstream.tls.ca: ${mounted('ca.crt')}: holds no certificate in PEM form$`),
  ]);
  await publish(await open(sidecar.port, 'amqp'));
});

test('files that flags name are watched too, without a configuration file', async () => {
  mount('first', { 'ca.crt': first.ca });
  sidecar = await startTracehare({
    upstream: `amqp://127.0.0.1:${broker.port}`,
    args: ['--upstream-tls-ca', mounted('ca.crt')],
  });
  const renewed = () => mount('second', { 'ca.crt': second.ca });
  expect((await reloaded(sidecar, renewed)).changed).toEqual(['upstream.tls.ca']);
});
