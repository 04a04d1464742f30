import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerReview, NoReview } from '../../src/inject/review.ts';
import { type Json, patched, podWith, SETTINGS } from './pods.ts';

const review = (object: unknown, request: object = {}) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: '705ab4f5',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    namespace: 'shop',
    operation: 'CREATE',
    object,
    ...request,
  },
});

const answer = (body: unknown) => answerReview(JSON.stringify(body), SETTINGS);
const responseOf = (body: unknown): Json => (answer(body).review as Json).response;
const asking = () => podWith({ 'tracehare.io/upstream': 'amqp://rabbitmq' }, {}, { generateName: 'orders-' });

test('a review is answered by its uid, with a patch that makes the sidecar', () => {
  const { review: answered, told } = answer(review(asking()));
  expect(answered).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
  const { uid, allowed, patchType, patch, warnings } = (answered as Json).response;
  expect({ uid, allowed, patchType, warnings }).toEqual({ uid: '705ab4f5', allowed: true, patchType: 'JSONPatch' });
  const pod = patched(asking(), JSON.parse(Buffer.from(patch, 'base64').toString()));
  expect(pod.spec.initContainers).toEqual([expect.objectContaining({ name: 'tracehare', restartPolicy: 'Always' })]);
  expect(told).toEqual({ namespace: 'shop', pod: 'orders-', injected: true, warnings: [] });
});

test('what can not be injected is allowed as it is, and whoever applies it is told why', () => {
  const { review: answered, told } = answer(review(podWith({ 'tracehare.io/port': 'x' })));
  const warnings = ['tracehare: not injected: annotation tracehare.io/port: expects a port from 1 to 65535'];
  expect((answered as Json).response).toEqual({ uid: '705ab4f5', allowed: true, warnings });
  expect(told).toMatchObject({ injected: false });
});

test.each([
  ['an update', review(asking(), { operation: 'UPDATE' })],
  ['a deletion', review(null, { operation: 'DELETE' })],
  ['another kind', review(asking(), { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } })],
  ['a pod that asks for nothing', review({ metadata: {}, spec: { containers: [] } })],
  ['a pod of an odd shape', review({ metadata: { annotations: { 'tracehare.io/inject': true } }, spec: [] })],
  ['no pod at all', review('pod')],
])('%s is allowed as it is', (_, body) => {
  expect(answer(body)).toEqual({
    review: {
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: '705ab4f5', allowed: true },
    },
  });
});

test.each([
  ['', 'expects an AdmissionReview, this is no JSON'],
  ['{', 'expects an AdmissionReview, this is no JSON'],
  ['null', 'expects an AdmissionReview of admission.k8s.io/v1: what came is not as there'],
  ['[]', 'expects an AdmissionReview of admission.k8s.io/v1: what came is not as there'],
  [
    JSON.stringify({ ...review({}), apiVersion: 'admission.k8s.io/v1beta1' }),
    'expects an AdmissionReview of admission.k8s.io/v1: apiVersion is not as there',
  ],
  [
    JSON.stringify(review({}, { uid: 'x'.repeat(300) })),
    'expects an AdmissionReview of admission.k8s.io/v1: request.uid is not as there',
  ],
])('%s is no review', (body, why) => {
  expect(() => answerReview(body, SETTINGS)).toThrow(new NoReview(why));
});

test('warnings are as short and as few as an API server takes, however odd the pod', () => {
  const env = Array.from({ length: 500 }, (_, i) => ({ name: 'AMQP_URL', value: `${'x'.repeat(i)}\u2028` }));
  const containers = [{ name: 'n'.repeat(1000), env }];
  const annotations = { 'tracehare.io/upstream': 'amqp://rabbitmq', 'tracehare.io/rewrite': 'AMQP_URL' };
  const { warnings, patch } = responseOf(review(podWith(annotations, { containers })));
  expect(warnings.length).toBeLessThanOrEqual(8);
  for (const warning of warnings) expect(warning.length).toBeLessThanOrEqual(250);
  expect(patch).toBeDefined();
});

test('whatever a pod holds, it is allowed, its patch fits it, and the app’s containers and volumes stay', () => {
  const name = fc.constantFrom('app', 'tracehare', '__proto__', 'constructor', 'AMQP_URL', 'a/b~c', '', '\0');
  const text = fc.oneof(name, fc.string(), fc.constantFrom('true', 'amqp://u:p@h/v', 'amqp://h', '5673', 'a,b'));
  const key = fc.oneof(
    text,
    fc
      .constantFrom('inject', 'upstream', 'port', 'rewrite', 'config-map', 'image')
      .map((each) => `tracehare.io/${each}`),
  );
  const texts = fc.dictionary(key, text);
  const list = (each: fc.Arbitrary<unknown>) => fc.option(fc.array(each, { maxLength: 3 }), { nil: undefined });
  const container = fc.record(
    {
      name,
      env: list(
        fc.record({ name, value: fc.option(text), valueFrom: fc.option(fc.object()) }, { requiredKeys: ['name'] }),
      ),
      ports: list(fc.record({ containerPort: fc.integer() })),
      more: fc.jsonValue(),
    },
    { requiredKeys: ['name'] },
  );
  const pod = fc.record({
    metadata: fc.record({
      annotations: fc.option(texts.map((each) => ({ ...each, 'tracehare.io/inject': 'true' }))),
      labels: fc.option(texts),
    }),
    spec: fc.record({
      containers: fc.array(container, { maxLength: 3 }),
      initContainers: list(container),
      volumes: list(fc.record({ name })),
    }),
  });
  const object = fc.oneof({ weight: 4, arbitrary: pod }, { weight: 1, arbitrary: fc.jsonValue() });
  fc.assert(
    fc.property(object, (each) => {
      const sent = JSON.parse(JSON.stringify(each));
      const { allowed, patch } = responseOf(review(sent));
      expect(allowed).toBe(true);
      if (patch === undefined) return;
      const after = patched(sent, JSON.parse(Buffer.from(patch, 'base64').toString()));
      const [sidecar, ...own] = after.spec.initContainers;
      expect(sidecar.name).toBe('tracehare');
      const without = (containers: Json[] = []) => containers.map(({ env: _, ...rest }) => rest);
      expect(without(own)).toEqual(without(sent.spec.initContainers));
      expect(without(after.spec.containers)).toEqual(without(sent.spec.containers));
      expect(after.spec.volumes ?? []).toEqual(expect.arrayContaining(sent.spec.volumes ?? []));
      expect(responseOf(review(after)).patch).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
