import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { settings } from '../../src/config/settings.ts';
import { compilePattern } from '../../src/rules/pattern.ts';
import { temporaryFolder } from '../../testing/folder.ts';
import { tracehare } from '../cli/built.ts';
import { problems } from './kubernetes-schema.ts';
import {
  CLOSING,
  deploy,
  type Manifest,
  ofKind,
  podOf,
  renderHelm,
  renderKustomize,
  sidecarOf,
  variables,
} from './manifests.ts';

const root = join(deploy, '..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const everything = parse(text('deploy/helm/tracehare/ci/everything-values.yaml'));
const dockerfile = text('Dockerfile').replaceAll('\\\n', ' ');
const defaults = loadConfig({ argv: [], env: {} });

const rendered: Record<string, Manifest[]> = {};
const VARIANTS = ['chart with its defaults', 'chart with everything on', 'Kustomize example'] as const;

beforeAll(async () => {
  const [plain, full, kustomize] = await Promise.all([
    renderHelm(),
    renderHelm({ tracehare: { ...everything, injector: { enabled: false } } }),
    renderKustomize(join(deploy, 'kustomize/example')),
  ]);
  Object.assign(rendered, { [VARIANTS[0]]: plain, [VARIANTS[1]]: full, [VARIANTS[2]]: kustomize });
});

test('a wrong value and a misspelt field are found', () => {
  const [good] = rendered[VARIANTS[0]].filter(({ kind }) => kind === 'Deployment');
  expect(problems(good)).toEqual([]);
  const misspelt = structuredClone(good);
  const sidecar = sidecarOf(misspelt) as Record<string, unknown>;
  sidecar.readinesProbe = sidecar.readinessProbe;
  expect(problems(misspelt)).toEqual(['/spec/template/spec/initContainers/0/readinesProbe: no such field']);
  const wrong = structuredClone(good);
  sidecarOf(wrong).ports[0].containerPort = '9673' as never;
  expect(problems(wrong)).toEqual([expect.stringContaining('/containerPort')]);
});

describe.each(VARIANTS)('the %s', (variant) => {
  const deployment = () => ofKind(rendered[variant], 'Deployment');

  test('is valid by the schemas of Kubernetes and of the Prometheus operator', () => {
    for (const object of rendered[variant]) expect(problems(object), object.kind).toEqual([]);
  });

  test('starts the sidecar before anything else in the pod, and keeps it running', () => {
    const [first, ...others] = podOf(deployment()).spec.initContainers;
    expect(first).toMatchObject({ name: 'tracehare', restartPolicy: 'Always' });
    for (const { restartPolicy } of others) expect(restartPolicy).toBeUndefined();
  });

  test('gives the sidecar no privilege, and a user that Kubernetes can see is not root', () => {
    expect(sidecarOf(deployment()).securityContext).toEqual({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });

  test('sets variables that Tracehare knows, and mounts what they name read-only', () => {
    const sidecar = sidecarOf(deployment());
    const { volumes } = podOf(deployment()).spec;
    const known = [...settings.map(({ variable }) => variable), 'TRACEHARE_CONFIG'];
    for (const [name, value] of Object.entries(variables(sidecar))) {
      if (name.startsWith('TRACEHARE_')) expect(known).toContain(name);
      if (!value.startsWith('/')) continue;
      const mount = sidecar.volumeMounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`));
      expect(mount, name).toMatchObject({ readOnly: true });
      expect(volumes.map((each) => each.name)).toContain(mount?.name);
    }
    // A file mounted by subPath never changes.
    for (const mount of sidecar.volumeMounts) expect(mount).not.toHaveProperty('subPath');
  });

  test('asks for health where the admin server listens', () => {
    const { ports, startupProbe, livenessProbe, readinessProbe, ...sidecar } = sidecarOf(deployment());
    const port = {
      name: 'tracehare-admin',
      containerPort: Number(
        variables(sidecar as never)
          .TRACEHARE_ADMIN.split(':')
          .at(-1),
      ),
    };
    expect(ports).toEqual([port]);
    expect(port.name.length).toBeLessThanOrEqual(15); // the longest that Kubernetes takes
    const asked = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet);
    expect(asked).toEqual(['/readyz', '/livez', '/readyz'].map((path) => ({ path, port: port.name })));
  });

  test('has a configuration that `tracehare check` accepts', async () => {
    const { data } = ofKind(rendered[variant], 'ConfigMap');
    const folder = temporaryFolder('config-map');
    const file = join(folder.path, 'tracehare.yaml');
    writeFileSync(file, data?.['tracehare.yaml'] as string);
    expect(await tracehare(['check', file])).toMatchObject({ code: 0 });
    folder.remove();
  });

  test('leaves time to drain', () => {
    const { data } = ofKind(rendered[variant], 'ConfigMap');
    const timeout =
      Number.parseInt(parse(data?.['tracehare.yaml'] as string).drain?.timeout ?? '', 10) ||
      defaults.drain.timeout / 1000;
    expect(podOf(deployment()).spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(timeout + CLOSING);
  });

  test('is found by Prometheus', () => {
    const { annotations = {} } = podOf(deployment()).metadata as { annotations?: Record<string, string> };
    const port = String(sidecarOf(deployment()).ports[0].containerPort);
    expect(annotations).toEqual(scraped(port));
    const [monitor] = rendered[variant].filter(({ kind }) => kind === 'PodMonitor');
    if (monitor === undefined) return;
    const { selector, podMetricsEndpoints } = monitor.spec as {
      selector: { matchLabels: object };
      podMetricsEndpoints: object[];
    };
    expect(podOf(deployment()).metadata.labels).toMatchObject(selector.matchLabels);
    expect(podMetricsEndpoints).toEqual([expect.objectContaining({ port: 'tracehare-admin', path: '/metrics' })]);
  });
});

const scraped = (port: string) => ({
  'prometheus.io/scrape': 'true',
  'prometheus.io/path': '/metrics',
  'prometheus.io/port': port,
});

test.each([
  ['auto', false, scraped('9673')],
  ['auto', true, {}],
  [true, true, scraped('9673')],
  [false, false, {}],
])('scrapeAnnotations %j, podMonitor.enabled %j: %j', async (scrapeAnnotations, enabled, expected) => {
  const objects = await renderHelm({ tracehare: { scrapeAnnotations, podMonitor: { enabled } } });
  const { annotations } = podOf(ofKind(objects, 'Deployment')).metadata as { annotations?: object };
  expect(annotations).toEqual(expected);
  expect(objects.some(({ kind }) => kind === 'PodMonitor')).toBe(enabled);
});

test('volumes and pull secrets of one’s own reach the pod', () => {
  const { imagePullSecrets, volumes } = podOf(ofKind(rendered[VARIANTS[1]], 'Deployment')).spec as unknown as Record<
    string,
    object[]
  >;
  expect(imagePullSecrets).toEqual([{ name: 'registry' }]);
  expect(volumes).toContainEqual(everything.extraVolumes[0]);
  const { volumeMounts } = sidecarOf(ofKind(rendered[VARIANTS[1]], 'Deployment'));
  expect(volumeMounts).toContainEqual(everything.extraVolumeMounts[0]);
  const plain = podOf(ofKind(rendered[VARIANTS[0]], 'Deployment')).spec as unknown as Record<string, object[]>;
  expect(plain.imagePullSecrets).toEqual([]);
});

test("the chart's default ports are those of the image and of the sidecar", () => {
  const { TRACEHARE_LISTEN, TRACEHARE_ADMIN } = variables(sidecarOf(ofKind(rendered[VARIANTS[0]], 'Deployment')));
  expect(dockerfile).toContain(`TRACEHARE_ADMIN=${TRACEHARE_ADMIN}`);
  expect(TRACEHARE_LISTEN).toBe(`${defaults.listen.host}:${defaults.listen.port}`);
  expect(dockerfile).toMatch(new RegExp(`^EXPOSE ${defaults.listen.port} ${defaults.admin.port}$`, 'm'));
});

test('the chart is of the version that the package has', () => {
  const { version } = JSON.parse(text('package.json'));
  expect(parse(text('deploy/helm/tracehare/Chart.yaml'))).toMatchObject({ version, appVersion: version });
  expect(text('deploy/kustomize/sidecar/sidecar.yaml')).toContain(`image: tracehare:${version}`);
});

test('everything-values.yaml leaves no value at its default', () => {
  const leaves = (tree: object, path = ''): [string, unknown][] =>
    Object.entries(tree).flatMap(([key, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0
        ? leaves(value, `${path}/${key}`)
        : [[`${path}/${key}`, value]],
    );
  const full = new Map(leaves(everything));
  const plain = leaves(parse(text('deploy/helm/tracehare/values.yaml')));
  const same = plain.filter(([path, value]) => JSON.stringify(full.get(path)) === JSON.stringify(value));
  expect(same).toEqual([]);
});

test('the chart refuses a value it does not have, and a listen address that would not fit the pod', async () => {
  await expect(renderHelm({ tracehare: { podMonitr: { enabled: true } } })).rejects.toThrow('podMonitr');
  await expect(renderHelm({ tracehare: { config: { admin: ':9999' } } })).rejects.toThrow('use the values admin');
});

test('the PrometheusRule has every rule of dashboards/prometheus/rules', () => {
  const folder = 'dashboards/prometheus/rules';
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.yml'));
  const groups = files.sort().flatMap((name) => parse(text(`${folder}/${name}`)).groups);
  expect(groups.length).toBeGreaterThan(0);
  expect(ofKind(rendered[VARIANTS[1]], 'PrometheusRule').spec).toEqual({ groups });
});

describe('the Kustomize components', () => {
  test("inject the sidecar that the chart's defaults make", () => {
    const { image: _, ...injected } = sidecarOf(ofKind(rendered[VARIANTS[2]], 'Deployment'));
    const { image: __, ...charted } = sidecarOf(ofKind(rendered[VARIANTS[0]], 'Deployment'));
    expect(injected).toEqual(charted);
  });

  test('leave the app as it was', () => {
    const before = parse(text('deploy/kustomize/example/app.yaml')) as Manifest;
    const after = ofKind(rendered[VARIANTS[2]], 'Deployment');
    expect(after.metadata).toEqual(before.metadata);
    for (const list of ['containers', 'initContainers', 'volumes'] as const) {
      const own: object[] = podOf(before).spec[list];
      expect(podOf(after).spec[list]).toEqual(expect.arrayContaining(own));
    }
    expect(podOf(after).metadata.labels).toMatchObject(podOf(before).metadata.labels as object);
  });

  test('have an example whose rules match what its own app publishes', () => {
    const [app] = podOf(parse(text('deploy/kustomize/example/app.yaml')) as Manifest).spec.containers as {
      args: string[];
    }[];
    const source = text(app.args[0].replace('demo/', 'src/demo/apps/'));
    const names = [...source.matchAll(/'([a-z.]+)'/g)].map(([, name]) => name);
    const { rules } = parse(text('deploy/kustomize/example/tracehare.yaml'));
    expect(rules.length).toBeGreaterThan(0);
    for (const { match } of rules)
      for (const pattern of [match.exchange, match.routingKey])
        expect(
          names.some((name) => compilePattern(pattern).match(name) !== undefined),
          pattern,
        ).toBe(true);
  });

  test('inject into what is labelled, a StatefulSet too, and into nothing else', async () => {
    const folder = temporaryFolder('kustomize');
    const app = (kind: string, name: string, labels: object) =>
      writeFileSync(
        join(folder.path, `${name}.yaml`),
        JSON.stringify({
          apiVersion: 'apps/v1',
          kind,
          metadata: { name, labels },
          spec: {
            ...(kind === 'StatefulSet' && { serviceName: name }),
            selector: { matchLabels: { name } },
            template: { metadata: { labels: { name } }, spec: { containers: [{ name, image: name }] } },
          },
        }),
      );
    app('Deployment', 'labelled', { tracehare: 'inject' });
    app('StatefulSet', 'stateful', { tracehare: 'inject' });
    app('Deployment', 'other', {});
    // Kustomize takes components by relative paths only.
    const components = ['sidecar', 'podmonitor'].map((name) => relative(folder.path, join(deploy, 'kustomize', name)));
    const kustomization = { resources: ['labelled.yaml', 'stateful.yaml', 'other.yaml'], components };
    writeFileSync(join(folder.path, 'kustomization.yaml'), JSON.stringify(kustomization));
    const objects = await renderKustomize(folder.path);
    folder.remove();

    for (const object of objects) expect(problems(object)).toEqual([]);
    const workloads = objects.filter(({ kind }) => kind !== 'PodMonitor');
    const injected = workloads.filter((each) => podOf(each).spec.initContainers?.[0].name === 'tracehare');
    expect(injected.map(({ metadata }) => metadata.name).sort()).toEqual(['labelled', 'stateful']);
    const { selector, ...monitor } = ofKind(objects, 'PodMonitor').spec as { selector: { matchLabels: object } };
    for (const each of injected) expect(podOf(each).metadata.labels).toMatchObject(selector.matchLabels);
    const [charted] = await renderHelm({ tracehare: { podMonitor: { enabled: true } } }).then((all) =>
      all.filter(({ kind }) => kind === 'PodMonitor'),
    );
    expect(charted.spec).toMatchObject(monitor);
  });
});
