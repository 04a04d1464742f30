// Proves manifests, chart and injection on an API server of Kubernetes (control-plane.ts).
//
//   npm run proof:kubernetes      (docs/kubernetes.md has what it asks and what was found)
import { deepStrictEqual, match, ok } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { deploy, type Manifest, podOf, renderHelm, renderKustomize } from '../../test/deploy/manifests.ts';
import { makeCertificates } from '../../testing/certificates.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { freePort } from '../../testing/ports.ts';
import { end, run, signal, start } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { kubernetesTools } from '../kubernetes-tools.mjs';
import { provision } from '../provision.mjs';
import { startControlPlane } from './control-plane.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NAMESPACE = 'restricted';
/** Kinds of the Prometheus operator, which this API server does not have; test/deploy asks their schemas. */
const FOREIGN = ['PodMonitor', 'PrometheusRule'];

provision(['kubernetes-tools', 'openssl']);
const tools = kubernetesTools();
if (tools === undefined) throw new Error('no kubectl');
const plane = await startControlPlane();
const folder = temporaryFolder('proof-kubernetes');
const certificates = makeCertificates(folder.path);
let failed = 0;

async function kubectl(
  args: string[],
  input?: object | readonly object[],
): Promise<{ stdout: string; stderr: string }> {
  const items =
    input === undefined ? undefined : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [input].flat() });
  const { code, stdout, stderr } = await run(tools?.kubectl as string, ['--kubeconfig', plane.kubeconfig, ...args], {
    env: { HOME: folder.path },
    ...(items !== undefined && { input: items }),
  });
  if (code !== 0) throw new Error(stderr.trim());
  return { stdout: stdout.toString(), stderr };
}

async function proof(promise: string, ask: () => Promise<string | undefined>): Promise<void> {
  try {
    const found = await ask();
    console.log(`ok      ${promise}${found ? ` (${found})` : ''}`);
  } catch (error) {
    failed++;
    console.log(`failed  ${promise}\n        ${String((error as Error).message).replaceAll('\n', '\n        ')}`);
  }
}

const inNamespace = ({ metadata, ...rest }: Manifest): Manifest => ({
  ...rest,
  metadata: { ...metadata, ...(rest.kind !== 'MutatingWebhookConfiguration' && { namespace: NAMESPACE }) },
});
/** The pod that a controller would make of a workload. */
const podsOf = (objects: readonly Manifest[]): object[] =>
  objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map((each) => {
      const { metadata, spec } = podOf(each);
      return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: each.metadata.name }, spec };
    });
const dryRun = (objects: object[], ...more: string[]) =>
  kubectl(
    ['create', '--dry-run=server', '--validate=strict', '-n', NAMESPACE, '-o', 'json', ...more, '-f', '-'],
    objects,
  );

async function manifests(): Promise<void> {
  const tls = { secretName: 'tracehare-injector-tls', caBundle: readFileSync(certificates.ca, 'utf8') };
  const everything = parse(readFileSync(join(deploy, 'helm/tracehare/ci/everything-values.yaml'), 'utf8'));
  // a certificate that an API server can read
  everything.injector.tls.caBundle = tls.caBundle;
  const rendered: [string, Manifest[]][] = [
    ['the chart with its defaults', await renderHelm()],
    ['the chart with everything on', await renderHelm({ tracehare: everything })],
    ['the chart with the injector', await renderHelm({ tracehare: { injector: { enabled: true, tls } } })],
    ['the Kustomize example', await renderKustomize(join(deploy, 'kustomize/example'))],
    ['the injector by Kustomize', await renderKustomize(join(deploy, 'kustomize/injector'))],
  ];
  for (const [what, objects] of rendered) {
    const own = objects.filter(({ kind }) => !FOREIGN.includes(kind)).map(inNamespace);
    await proof(`${what}: every object is taken, without a warning`, async () => {
      await dryRun(own, '--warnings-as-errors');
      return own.map(({ kind }) => kind).join(', ');
    });
    await proof(`${what}: its pods are admitted under the restricted level`, async () => {
      const pods = podsOf(objects);
      await dryRun(pods, '--warnings-as-errors');
      return `${pods.length} pods`;
    });
  }
}

const app = (name: string, annotations: Record<string, string>, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, annotations },
  spec: {
    containers: [
      {
        name: 'app',
        image: 'app',
        env: [{ name: 'AMQP_URL', value: 'amqp://user:secret@rabbitmq:5672/shop' }],
        securityContext: {
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    ],
    ...spec,
  },
});
const ASKS = { 'tracehare.io/inject': 'true' };
const UPSTREAM = { 'tracehare.io/upstream': 'amqp://rabbitmq:5672' };

interface Pod {
  metadata: { annotations: Record<string, string>; labels?: Record<string, string> };
  spec: {
    initContainers?: { name: string; restartPolicy?: string; env: { name: string; value?: string }[] }[];
    containers: { env: { value: string }[] }[];
  };
}
async function created(pod: object, ...more: string[]): Promise<{ pod: Pod; stderr: string }> {
  const { stdout, stderr } = await kubectl(['create', '-n', NAMESPACE, '-o', 'json', ...more, '-f', '-'], pod);
  const made = JSON.parse(stdout);
  return { pod: made.kind === 'List' ? made.items[0] : made, stderr };
}
const namesOf = ({ spec }: Pod) => (spec.initContainers ?? []).map(({ name }) => name);

async function injection(): Promise<void> {
  const port = await freePort();
  const served = { cert: join(folder.path, 'served.pem'), key: join(folder.path, 'served-key.pem') };
  const serve = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(served.key, readFileSync(key));
    writeFileSync(served.cert, readFileSync(cert));
  };
  serve(certificates.server);
  const args = ['inject', '--cert', served.cert, '--key', served.key, '--image', 'tracehare:proof'];
  const injector = start(
    process.execPath,
    [join(root, 'dist/main.js'), ...args, '--listen', `127.0.0.1:${port}`, '--scrape-annotations'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH } },
  );
  let log = '';
  injector.stderr?.on('data', (text) => {
    log += text;
  });
  const told = () => log.split('\n').length;
  try {
    await until(
      () => log.includes('"injecting"'),
      () => `the injector is up:\n${log}`,
    );
    const [configuration] = (await renderKustomize(join(deploy, 'kustomize/injector'))).filter(
      ({ kind }) => kind === 'MutatingWebhookConfiguration',
    ) as unknown as { webhooks: { clientConfig: object }[] }[];
    // there is no node, so no service: the API server asks the injector where it is
    configuration.webhooks[0].clientConfig = {
      url: `https://127.0.0.1:${port}/inject`,
      caBundle: readFileSync(certificates.ca).toString('base64'),
    };
    await kubectl(['create', '-f', '-'], configuration);
    await proof('an annotated pod gets the sidecar, and is admitted under the restricted level', async () => {
      // the API server reads a new configuration within moments
      await until(
        async () => {
          const { pod } = await created(app('first', { ...ASKS, ...UPSTREAM }), '--dry-run=server');
          return namesOf(pod).includes('tracehare');
        },
        () => `the webhook is asked:\n${log}`,
      );
      const { pod, stderr } = await created(app('orders', { ...ASKS, ...UPSTREAM }), '--warnings-as-errors');
      deepStrictEqual(namesOf(pod), ['tracehare']);
      deepStrictEqual(pod.spec.initContainers?.[0].restartPolicy, 'Always');
      deepStrictEqual(pod.metadata.labels?.tracehare, 'sidecar');
      deepStrictEqual(pod.metadata.annotations['prometheus.io/port'], '9673');
      deepStrictEqual(stderr, '');
    });
    await proof('a pod that has it already stays as it is', async () => {
      const { stdout } = await kubectl(['get', 'pod', 'orders', '-n', NAMESPACE, '-o', 'json']);
      const { metadata, spec } = JSON.parse(stdout);
      const before = told();
      const again = { ...app('again', metadata.annotations, spec) };
      const { pod } = await created(again);
      deepStrictEqual(pod.spec.initContainers, spec.initContainers);
      deepStrictEqual(told(), before);
    });
    await proof('a pod that does not ask for it stays as it is, and the webhook is not asked', async () => {
      const before = told();
      const { pod } = await created(app('plain', { 'tracehare.io/inject': 'false', 'tracehare.io/port': 'x' }));
      deepStrictEqual(namesOf(pod), []);
      deepStrictEqual(told(), before);
    });
    await proof('its address is turned to the sidecar where that is asked for', async () => {
      const { pod } = await created(app('turned', { ...ASKS, 'tracehare.io/rewrite': 'AMQP_URL' }));
      deepStrictEqual(pod.spec.containers[0].env[0].value, 'amqp://user:secret@127.0.0.1:5673/shop');
      const upstream = pod.spec.initContainers?.[0].env.find(({ name }) => name === 'TRACEHARE_UPSTREAM');
      deepStrictEqual(upstream?.value, 'amqp://rabbitmq:5672');
    });
    await proof('a ConfigMap is mounted, and the sidecar comes before other init containers', async () => {
      const own = app('mounted', {}).spec.containers[0];
      const spec = { initContainers: [{ ...own, name: 'migrate' }] };
      const { pod } = await created(app('mounted', { ...ASKS, 'tracehare.io/config-map': 'orders' }, spec));
      deepStrictEqual(namesOf(pod), ['tracehare', 'migrate']);
      ok(JSON.stringify(pod).includes('"configMap":{"defaultMode":420,"name":"orders"}'));
    });
    await proof('a wrong annotation warns whoever applies it, and the pod starts without the sidecar', async () => {
      const { pod, stderr } = await created(app('wrong', { ...ASKS, ...UPSTREAM, 'tracehare.io/port': 'x' }));
      deepStrictEqual(namesOf(pod), []);
      match(stderr, /Warning: tracehare: not injected: annotation tracehare\.io\/port: expects a port/);
      return stderr.trim();
    });
    await proof('a renewed certificate is used without a restart', async () => {
      serve(makeCertificatesOf('renewed'));
      await until(
        () => log.includes('the certificate was read again'),
        () => log,
      );
      // signed by a CA that this API server does not know: it goes on without the injector
      const { pod } = await created(app('unknown-ca', { ...ASKS, ...UPSTREAM }));
      const kept = namesOf(pod);
      serve(certificates.server);
      await until(
        () => log.split('the certificate was read again').length > 2,
        () => log,
      );
      const { pod: next } = await created(app('renewed', { ...ASKS, ...UPSTREAM }));
      deepStrictEqual(namesOf(next), ['tracehare']);
      return kept.length === 0 ? 'one of a strange CA: the pod started without a sidecar' : 'connections are kept';
    });
    await proof('without the injector a pod starts without the sidecar', async () => {
      signal(injector, 'SIGTERM');
      deepStrictEqual(await end(injector), 0);
      const { pod } = await created(app('without', { ...ASKS, ...UPSTREAM }));
      deepStrictEqual(namesOf(pod), []);
    });
  } finally {
    signal(injector, 'SIGKILL');
    await end(injector);
  }
}

function makeCertificatesOf(name: string): { cert: string; key: string } {
  const other = temporaryFolder(name);
  process.once('exit', () => other.remove());
  return makeCertificates(other.path).server;
}

try {
  console.log(`kubernetes: an API server ${plane.version} and its etcd, no nodes`);
  const labels = {
    'pod-security.kubernetes.io/enforce': 'restricted',
    'pod-security.kubernetes.io/warn': 'restricted',
  };
  await kubectl(['create', '-f', '-'], { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } });
  await proof('a pod that breaks the restricted level is refused here', async () => {
    const pod = app('free', {});
    pod.spec.containers[0].securityContext.allowPrivilegeEscalation = true;
    const refused = await created(pod, '--dry-run=server').then(
      () => 'admitted',
      ({ message }) => message,
    );
    match(refused, /violates PodSecurity "restricted:latest"/);
  });
  await manifests();
  await injection();
} finally {
  await plane.stop();
  folder.remove();
}
console.log(failed === 0 ? 'kubernetes: all hold' : `kubernetes: ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
