import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { inject } from '../../src/inject/inject.ts';
import { injected, podWith, refusal, SETTINGS } from './pods.ts';

const UPSTREAM = { 'tracehare.io/upstream': 'amqp://rabbitmq:5672' };
const env = (pod: { spec: { initContainers: { env: { name: string; value?: string }[] }[] } }) =>
  Object.fromEntries(pod.spec.initContainers[0].env.map(({ name, value }) => [name, value]));

test('a pod gets the sidecar that Kustomize puts into it', () => {
  const file = new URL('../../deploy/kustomize/sidecar/sidecar.yaml', import.meta.url);
  const { metadata, spec } = parse(readFileSync(file, 'utf8')).spec.template;
  const image = spec.initContainers[0].image;
  const { pod, warnings } = injected(podWith({ 'tracehare.io/config-map': 'tracehare' }), { image });
  expect(pod.spec).toEqual({ containers: [{ name: 'app', image: 'app' }], ...spec });
  expect(pod.metadata.labels).toEqual(metadata.labels);
  expect(warnings).toEqual([]);
});

test.each([
  ['no annotation', {}],
  ['false', { 'tracehare.io/inject': 'false' }],
  ['True', { 'tracehare.io/inject': 'True' }],
])('a pod with %s stays as it is', (_, annotations) => {
  const pod = podWith();
  pod.metadata.annotations = annotations;
  expect(inject(pod, SETTINGS)).toEqual({ operations: [], warnings: [] });
});

test.each(['initContainers', 'containers'])('a pod that has a sidecar among its %s stays as it is', (list) => {
  const containers = [
    { name: 'app', image: 'app' },
    { name: 'tracehare', image: 'tracehare' },
  ];
  expect(inject(podWith(UPSTREAM, { [list]: containers }), SETTINGS).operations).toEqual([]);
});

test('what was injected once is not injected again', () => {
  const { pod } = injected(podWith(UPSTREAM));
  expect(inject(pod, SETTINGS)).toEqual({ operations: [], warnings: [] });
});

test('the sidecar is the first of the init containers, and what the pod had stays', () => {
  const own = { initContainers: [{ name: 'migrate' }], volumes: [{ name: 'data' }] };
  const { pod } = injected(podWith({ 'tracehare.io/config-map': 'mine' }, own, { labels: { app: 'x' } }));
  expect(pod.spec.initContainers.map(({ name }: { name: string }) => name)).toEqual(['tracehare', 'migrate']);
  expect(pod.spec.volumes).toEqual([{ name: 'data' }, { name: 'tracehare-config', configMap: { name: 'mine' } }]);
  expect(pod.metadata.labels).toEqual({ app: 'x', tracehare: 'sidecar' });
});

test('a label of its own stays', () => {
  const { pod } = injected(podWith(UPSTREAM, {}, { labels: { tracehare: 'orders' } }));
  expect(pod.metadata.labels).toEqual({ tracehare: 'orders' });
});

test('annotations choose image, ports and broker', () => {
  const { pod } = injected(
    podWith({
      'tracehare.io/image': 'registry.example.com/tracehare:2@sha256:00',
      'tracehare.io/port': '5700',
      'tracehare.io/admin-port': '9700',
      'tracehare.io/upstream': 'amqps://one:5671,amqps://two',
    }),
    { upstream: 'amqp://elsewhere' },
  );
  const [sidecar] = pod.spec.initContainers;
  expect(sidecar.image).toBe('registry.example.com/tracehare:2@sha256:00');
  expect(sidecar.ports).toEqual([{ name: 'tracehare-admin', containerPort: 9700 }]);
  expect(env(pod)).toMatchObject({
    TRACEHARE_LISTEN: '127.0.0.1:5700',
    TRACEHARE_ADMIN: '0.0.0.0:9700',
    TRACEHARE_UPSTREAM: 'amqps://one:5671,amqps://two',
  });
  expect(pod.spec.volumes).toBeUndefined();
});

test('the injector knows a broker for pods that name none; a ConfigMap is not overruled by it', () => {
  const settings = { upstream: 'amqp://shared', env: [['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://otel:4318']] as const };
  expect(env(injected(podWith(), settings).pod)).toMatchObject({
    TRACEHARE_UPSTREAM: 'amqp://shared',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://otel:4318',
  });
  const { pod } = injected(podWith({ 'tracehare.io/config-map': 'mine' }), settings);
  expect(env(pod)).not.toHaveProperty('TRACEHARE_UPSTREAM');
});

test('scrape annotations are added where asked for, unless the pod has some', () => {
  const own = { 'prometheus.io/port': '8080' };
  const annotations = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/path': '/metrics',
    'prometheus.io/port': '9673',
  };
  expect(injected(podWith(UPSTREAM), { scrapeAnnotations: true }).pod.metadata.annotations).toMatchObject(annotations);
  expect(injected(podWith(UPSTREAM)).pod.metadata.annotations).not.toHaveProperty(['prometheus.io/scrape']);
  const { pod } = injected(podWith({ ...UPSTREAM, ...own }), { scrapeAnnotations: true });
  expect(pod.metadata.annotations).not.toHaveProperty(['prometheus.io/scrape']);
});

test.each([
  [{}, {}, 'no broker is known: annotate tracehare.io/upstream or tracehare.io/config-map'],
  [
    { 'tracehare.io/upstrem': 'amqp://x' },
    {},
    'unknown annotation tracehare.io/upstrem, did you mean `tracehare.io/upstream`?',
  ],
  [
    { 'tracehare.io/constructor': 'x' },
    {},
    /^unknown annotation tracehare\.io\/constructor; known are tracehare\.io\/inject, /,
  ],
  [
    { 'tracehare.io/upstream': 'amqp://user:secret@x' },
    {},
    /^annotation tracehare\.io\/upstream: must not hold credentials/,
  ],
  [{ ...UPSTREAM, 'tracehare.io/port': '70000' }, {}, 'annotation tracehare.io/port: expects a port from 1 to 65535'],
  [{ ...UPSTREAM, 'tracehare.io/port': '0x10' }, {}, 'annotation tracehare.io/port: expects a port from 1 to 65535'],
  [{ ...UPSTREAM, 'tracehare.io/port': '9673' }, {}, 'port and admin-port are both 9673'],
  [{ ...UPSTREAM, 'tracehare.io/image': 'a b' }, {}, 'annotation tracehare.io/image: expects the name of an image'],
  [{ 'tracehare.io/config-map': '../x' }, {}, 'annotation tracehare.io/config-map: expects the name of a ConfigMap'],
  [
    { ...UPSTREAM, 'tracehare.io/rewrite': 'A,,B' },
    {},
    'annotation tracehare.io/rewrite: expects names of variables, such as AMQP_URL',
  ],
  [UPSTREAM, { hostNetwork: true }, 'the pod is in the network of its node, where all would share one sidecar'],
  [UPSTREAM, { os: { name: 'windows' } }, 'the image is for Linux, the pod for Windows'],
  [
    UPSTREAM,
    { containers: [{ name: 'app', ports: [{ containerPort: 9673 }] }] },
    'port 9673 is that of container app: annotate tracehare.io/admin-port with another',
  ],
  [
    { 'tracehare.io/config-map': 'mine' },
    { volumes: [{ name: 'tracehare-config' }] },
    'the pod has a volume tracehare-config of its own',
  ],
])('%j with %j stays as it is: %s', (annotations, spec, why) => {
  const reason = refusal(podWith(annotations as Record<string, string>, spec));
  if (typeof why === 'string') expect(reason).toBe(why);
  else expect(reason).toMatch(why);
});

test('too little time to drain is warned of', () => {
  const { warnings } = injected(podWith(UPSTREAM, { terminationGracePeriodSeconds: 5 }));
  expect(warnings).toEqual(['terminationGracePeriodSeconds 5 is less than the 20 a drain may take']);
});

describe('variables are turned to the sidecar', () => {
  const app = (...env: object[]) => ({ containers: [{ name: 'app', env }] });
  const asked = { 'tracehare.io/rewrite': 'AMQP_URL' };
  const value = (pod: { spec: { containers: { env: { value?: string }[] }[] } }) => pod.spec.containers[0].env[0].value;

  test.each([
    ['amqp://rabbitmq', 'amqp://127.0.0.1:5673', 'amqp://rabbitmq'],
    [
      'amqp://u:p%40ss@rabbitmq:5672/vhost?heartbeat=5',
      'amqp://u:p%40ss@127.0.0.1:5673/vhost?heartbeat=5',
      'amqp://rabbitmq:5672',
    ],
    ['amqps://u:p@[::1]:5671/%2f', 'amqp://u:p@127.0.0.1:5673/%2f', 'amqps://[::1]:5671'],
    ['amqp://$(USER):$(PASSWORD)@rabbitmq/', 'amqp://$(USER):$(PASSWORD)@127.0.0.1:5673/', 'amqp://rabbitmq'],
    ['amqp://u:p@ss@rabbitmq', 'amqp://u:p@ss@127.0.0.1:5673', 'amqp://rabbitmq'],
  ])('%s', (before, after, upstream) => {
    const { pod, warnings } = injected(podWith(asked, app({ name: 'AMQP_URL', value: before })), {
      upstream: 'amqp://x',
    });
    expect(value(pod)).toBe(after);
    expect(env(pod).TRACEHARE_UPSTREAM).toBe(upstream);
    expect(warnings).toEqual([]);
  });

  test('in all containers, and only where they are named', () => {
    const url = (name: string) => ({ name, value: 'amqp://rabbitmq' });
    const spec = {
      ...app(url('OTHER'), url('AMQP_URL')),
      initContainers: [{ name: 'migrate', env: [url('AMQP_URL')] }],
    };
    const { pod } = injected(podWith(asked, spec));
    expect(pod.spec.initContainers[1].env).toEqual([{ name: 'AMQP_URL', value: 'amqp://127.0.0.1:5673' }]);
    expect(pod.spec.containers[0].env).toEqual([url('OTHER'), { name: 'AMQP_URL', value: 'amqp://127.0.0.1:5673' }]);
  });

  test('whatever they named, where the pod says which broker it is', () => {
    const { pod } = injected(podWith({ ...asked, ...UPSTREAM }, app({ name: 'AMQP_URL', value: 'amqp://$(HOST)/' })));
    expect(value(pod)).toBe('amqp://127.0.0.1:5673/');
    expect(env(pod).TRACEHARE_UPSTREAM).toBe('amqp://rabbitmq:5672');
  });

  test.each([
    [
      { name: 'AMQP_URL', valueFrom: { secretKeyRef: {} } },
      'AMQP_URL of container app comes from elsewhere, which an injector can not read: it stays as it is',
    ],
    [
      { name: 'AMQP_URL', value: 'rabbitmq:5672' },
      'AMQP_URL of container app is no amqp:// address: it stays as it is',
    ],
    [
      { name: 'AMQP_URL', value: 'amqp://$(HOST)' },
      'AMQP_URL of container app names no broker that a sidecar could find: it stays as it is',
    ],
    [{ name: 'OTHER', value: 'amqp://rabbitmq' }, 'no container has the variable AMQP_URL'],
  ])('%j stays, and that is said', (variable, warning) => {
    const { pod, warnings } = injected(podWith(asked, app(variable)), { upstream: 'amqp://shared' });
    expect(pod.spec.containers[0].env).toEqual([variable]);
    expect(warnings).toEqual([warning]);
    expect(refusal(podWith(asked, app(variable)))).toMatch(/^no broker is known.*; /);
  });

  test('one that leads to another broker stays', () => {
    const second = { name: 'SECOND', value: 'amqp://two' };
    const spec = app({ name: 'AMQP_URL', value: 'amqp://one' }, second);
    const { pod, warnings } = injected(podWith({ 'tracehare.io/rewrite': 'AMQP_URL, SECOND' }, spec));
    expect(pod.spec.containers[0].env[1]).toEqual(second);
    expect(warnings).toEqual(['SECOND of container app leads to another broker: it stays as it is']);
  });
});
