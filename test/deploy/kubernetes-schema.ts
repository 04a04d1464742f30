import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { MutatingWebhookConfiguration } from 'kubernetes-models/admissionregistration.k8s.io/v1/MutatingWebhookConfiguration';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Service } from 'kubernetes-models/v1/Service';
import type { Manifest } from './manifests.ts';

// Kubernetes' and the Prometheus operator's own schemas (OpenAPI and CRDs), compiled with ajv by the package.
const KINDS = [
  ConfigMap,
  Deployment,
  StatefulSet,
  Service,
  PodDisruptionBudget,
  MutatingWebhookConfiguration,
  PodMonitor,
  PrometheusRule,
];

/** What is wrong with an object: where it breaks the schema of its kind, and fields that the schema doesn't have. */
export function problems(object: Manifest): string[] {
  const kind = KINDS.find(({ is }) => is(object));
  if (kind === undefined) return [`no schema for ${object.apiVersion} ${object.kind}`];
  const unread = new Set<string>();
  try {
    kind.prototype.validate.call(watched(object, '', unread) as never);
  } catch (error) {
    return [(error as Error).message];
  }
  const within = (path: string) => path.slice(0, path.lastIndexOf('/'));
  return [...unread].filter((path) => !unread.has(within(path))).map((path) => `${path}: no such field`);
}

/**
 * A view of `value` that takes each field out of `unread` when it is read. The schemas allow fields they
 * don't know, which an API server warns of and drops; but a compiled schema reads every field it knows.
 */
function watched(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const within = new Map<PropertyKey, unknown>();
  for (const [key, each] of Object.entries(value)) {
    const below = `${path}/${key}`;
    if (!Array.isArray(value)) unread.add(below);
    within.set(key, watched(each, below, unread));
  }
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return within.has(key) ? within.get(key) : Reflect.get(target, key);
    },
  });
}
