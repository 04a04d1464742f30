import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readArguments } from '../../src/cli/arguments.ts';
import { commands } from '../../src/cli/commands.ts';
import { REVIEW_PATH } from '../../src/inject/server.ts';
import { problems } from './kubernetes-schema.ts';
import { deploy, type Manifest, ofKind, podOf, renderHelm, renderKustomize } from './manifests.ts';

const NAME = /-injector$/;
const TLS = { secretName: 'tracehare-injector-tls', certManager: 'tracehare/tracehare-injector' };
const everything = parse(readFileSync(join(deploy, 'helm/tracehare/ci/everything-values.yaml'), 'utf8'));
const rendered: Record<string, Manifest[]> = {};
const VARIANTS = ['chart with its defaults', 'chart with everything on', 'Kustomize'] as const;

beforeAll(async () => {
  const [plain, full, kustomize] = await Promise.all([
    renderHelm({ tracehare: { injector: { enabled: true, tls: TLS } } }),
    renderHelm({ tracehare: everything }),
    renderKustomize(join(deploy, 'kustomize/injector')),
  ]);
  const injectors = [plain, full, kustomize].map((all) => all.filter(({ metadata }) => NAME.test(metadata.name)));
  VARIANTS.forEach((variant, index) => {
    rendered[variant] = injectors[index];
  });
});

interface Webhook {
  failurePolicy: string;
  clientConfig: { service: { name: string; namespace?: string; path: string; port: number }; caBundle?: string };
  matchConditions: { expression: string }[];
}
const webhookOf = (objects: Manifest[]): Webhook => {
  const { webhooks } = ofKind(objects, 'MutatingWebhookConfiguration') as unknown as { webhooks: Webhook[] };
  expect(webhooks).toHaveLength(1);
  return webhooks[0];
};
const containerOf = (objects: Manifest[]) => podOf(ofKind(objects, 'Deployment')).spec.containers[0];

describe.each(VARIANTS)('the injector of the %s', (variant) => {
  const objects = () => rendered[variant];

  test('is valid by the schemas of Kubernetes', () => {
    expect(objects()).toHaveLength(4);
    for (const object of objects()) expect(problems(object), object.kind).toEqual([]);
  });

  test('is called as the program wants it, with the image that it runs itself', () => {
    const { args = [], image, env } = containerOf(objects());
    const { options, words } = readArguments('inject', commands.inject, args.slice(1));
    expect([args[0], words]).toEqual(['inject', []]);
    expect(options).toMatchObject({ image: '$(SIDECAR_IMAGE)', 'scrape-annotations': true });
    expect(env).toEqual([{ name: 'SIDECAR_IMAGE', value: image }]);
    for (const file of [options.cert, options.key])
      expect(containerOf(objects()).volumeMounts[0].mountPath).toBe(String(file).replace(/\/tls\.(crt|key)$/, ''));
  });

  test('has no privilege and no token of the API server', () => {
    expect(podOf(ofKind(objects(), 'Deployment')).spec).toMatchObject({ automountServiceAccountToken: false });
    expect(containerOf(objects()).securityContext).toEqual({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  test('never keeps a pod from starting, and is asked only for those that are annotated', () => {
    const { failurePolicy, matchConditions } = webhookOf(objects());
    expect(failurePolicy).toBe('Ignore');
    expect(matchConditions[0].expression).toContain('tracehare.io/inject');
  });

  test('is found by the API server', () => {
    const { service } = webhookOf(objects()).clientConfig;
    const { name, path, port } = service;
    const { metadata, spec } = ofKind(objects(), 'Service') as unknown as {
      metadata: { name: string };
      spec: { selector: object; ports: { port: number; targetPort: string }[] };
    };
    expect({ name, path, port }).toEqual({ name: metadata.name, path: REVIEW_PATH, port: spec.ports[0].port });
    expect(podOf(ofKind(objects(), 'Deployment')).metadata.labels).toMatchObject(spec.selector);
    expect(containerOf(objects()).ports[0].name).toBe(spec.ports[0].targetPort);
  });
});

test('what the values say of the pods reaches the program', () => {
  const { args = [] } = containerOf(rendered[VARIANTS[1]]);
  const { options, lists } = readArguments('inject', commands.inject, args.slice(1));
  expect(options.upstream).toBe('amqps://rabbitmq.shared:5671');
  expect(lists.env).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector.telemetry:4318']);
});

test('the CA is that of the values, or of cert-manager', () => {
  const annotated = (objects: Manifest[]) => ofKind(objects, 'MutatingWebhookConfiguration').metadata;
  const { caBundle = '' } = webhookOf(rendered[VARIANTS[1]]).clientConfig;
  expect(Buffer.from(caBundle, 'base64').toString()).toBe(everything.injector.tls.caBundle);
  for (const variant of [VARIANTS[0], VARIANTS[2]])
    expect(annotated(rendered[variant])).toMatchObject({
      annotations: { 'cert-manager.io/inject-ca-from': TLS.certManager },
    });
});

test('Kustomize and the chart make the same', () => {
  const without = (objects: Manifest[]) => {
    const text = JSON.stringify(objects.toSorted((a, b) => a.kind.localeCompare(b.kind)))
      .replaceAll('orders-injector', 'tracehare-injector')
      .replaceAll('registry.example.com/', '')
      .replaceAll(/"app\.kubernetes\.io\/instance":"orders",?/g, '')
      .replaceAll(/,?"namespace":"[a-z]+"/g, '');
    return JSON.parse(text);
  };
  expect(without(rendered[VARIANTS[2]])).toEqual(without(rendered[VARIANTS[0]]));
});

test.each([
  [{}, 'injector.tls.secretName'],
  [{ tls: { secretName: 'x' } }, 'set caBundle, or certManager'],
  [{ tls: { secretName: 'x', caBundle: 'bm90IFBFTQ==' } }, 'caBundle'],
])('the chart refuses an injector that could not work: %j', async (values, why) => {
  await expect(renderHelm({ tracehare: { injector: { enabled: true, ...values } } })).rejects.toThrow(why);
});
