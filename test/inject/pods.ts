import { type InjectorSettings, inject } from '../../src/inject/inject.ts';
import { NotInjected, type Operation, type Pod } from '../../src/inject/pod.ts';

export const SETTINGS: InjectorSettings = { image: 'tracehare:test', env: [], scrapeAnnotations: false };

/** A pod of one container, annotated for a sidecar. */
export function podWith(annotations: Record<string, string> = {}, spec: object = {}, metadata: object = {}): Pod {
  return {
    metadata: { annotations: { 'tracehare.io/inject': 'true', ...annotations }, ...metadata },
    spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
  } as unknown as Pod;
}

// biome-ignore lint/suspicious/noExplicitAny: a pod as JSON, of which tests look at this and that
export type Json = any;

/** The pod as the API server has it after the patch, and what it was warned of. */
export function injected(pod: Pod, settings: Partial<InjectorSettings> = {}): { pod: Json; warnings: string[] } {
  const { operations, warnings } = inject(pod, { ...SETTINGS, ...settings });
  return { pod: patched(pod, operations), warnings };
}

/** Why it stays as it is. */
export function refusal(pod: Pod, settings: Partial<InjectorSettings> = {}): string {
  try {
    inject(pod, { ...SETTINGS, ...settings });
  } catch (error) {
    if (error instanceof NotInjected) return error.message;
    throw error;
  }
  throw new Error('it was injected');
}

/** As RFC 6902 has it, for what we send: each path must exist but for its last step. */
export function patched(pod: object, operations: readonly Operation[]): Json {
  const result: Json = structuredClone(pod);
  for (const { op, path, value } of operations) {
    const steps = path
      .slice(1)
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = steps.pop() as string;
    const at = steps.reduce((tree, step) => tree[step], result);
    if (typeof at !== 'object' || at === null) throw new Error(`nothing at ${path}`);
    if (op === 'replace' && !(last in at)) throw new Error(`nothing to replace at ${path}`);
    if (op === 'add' && Array.isArray(at)) at.splice(last === '-' ? at.length : Number(last), 0, value);
    else at[last] = value;
  }
  return result;
}
