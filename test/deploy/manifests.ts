import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, stringify } from 'yaml';
import { kubernetesTools } from '../../scripts/kubernetes-tools.mjs';
import { temporaryFolder } from '../../testing/folder.ts';
import { run } from '../../testing/processes.ts';

/** What the tests look at of a container. */
export interface Container {
  args?: string[];
  name: string;
  image: string;
  restartPolicy?: string;
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
  [key: string]: unknown;
}

interface Probe {
  httpGet: { path: string; port: string };
}

export interface PodSpec {
  terminationGracePeriodSeconds: number;
  initContainers: Container[];
  containers: Container[];
  volumes: { name: string; configMap?: { name: string }; secret?: { secretName: string }; emptyDir?: object }[];
}

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: unknown;
}

/** Seconds that the end may take after the drain: 4 for connections to close, 5 for spans to go, 1 for open requests. */
export const CLOSING = 10;

export const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));

/** What `helm template` makes of the example's chart, Tracehare's chart packed into it, with these values. */
export async function renderHelm(values: object = {}): Promise<Manifest[]> {
  const folder = temporaryFolder('helm');
  try {
    // `helm dependency build` writes into the chart; the link to the rules must lead somewhere.
    cpSync(join(deploy, 'helm'), join(folder.path, 'helm'), { recursive: true, dereference: true });
    const chart = join(folder.path, 'helm/example');
    const file = join(folder.path, 'values.yaml');
    writeFileSync(file, stringify(values));
    const env = { HOME: folder.path, PATH: process.env.PATH };
    await output(tools().helm, ['dependency', 'build', chart], env);
    return manifests(await output(tools().helm, ['template', 'orders', chart, '--values', file], env));
  } finally {
    folder.remove();
  }
}

/** What `kubectl kustomize` makes of a folder. */
export async function renderKustomize(folder: string): Promise<Manifest[]> {
  return manifests(await output(tools().kubectl, ['kustomize', folder], { PATH: process.env.PATH }));
}

export function ofKind(objects: Manifest[], kind: string): Manifest {
  const found = objects.filter((each) => each.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind}, not one`);
  return found[0];
}

export function podOf(workload: Manifest): { metadata: Manifest['metadata']; spec: PodSpec } {
  return (workload.spec as { template: { metadata: Manifest['metadata']; spec: PodSpec } }).template;
}

export function sidecarOf(workload: Manifest): Container {
  const sidecar = podOf(workload).spec.initContainers.find(({ name }) => name === 'tracehare');
  if (sidecar === undefined) throw new Error(`no sidecar in ${workload.metadata.name}`);
  return sidecar;
}

/** The literal values of a container's variables. */
export function variables({ env }: Container): Record<string, string> {
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

function tools(): { helm: string; kubectl: string } {
  const found = kubernetesTools();
  if (found === undefined) throw new Error('no helm found: run `node scripts/provision.mjs kubernetes-tools`');
  return found;
}

async function output(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, { env });
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout.toString();
}

function manifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}
