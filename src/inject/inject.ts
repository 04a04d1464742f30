import { asksForSidecar, readAnnotations } from './annotations.ts';
import { NotInjected, type Operation, type Pod } from './pod.ts';
import { rewrite } from './rewrite.ts';
import { CONFIG_VOLUME, SIDECAR, type Sidecar, sidecarContainer } from './sidecar.ts';

/** What holds for all pods that are not annotated otherwise. */
export interface InjectorSettings {
  image: string;
  upstream?: string;
  env: Sidecar['env'];
  /** annotations by which a Prometheus finds pods */
  scrapeAnnotations: boolean;
}

/** The sidecar's own defaults, and those of chart and Kustomize. */
const PORT = 5673;
const ADMIN_PORT = 9673;
/** Seconds: the drain's default and what its end may take. */
const DRAINED = 20;

/**
 * What is to be changed in a pod so that it has a sidecar: nothing where it does not ask for one or has one.
 * Throws NotInjected where it asks for what can't be.
 */
export function inject(pod: Pod, settings: InjectorSettings): { operations: Operation[]; warnings: string[] } {
  const { metadata, spec } = pod;
  const annotations = metadata.annotations ?? {};
  if (!asksForSidecar(annotations) || hasSidecar(pod)) return { operations: [], warnings: [] };
  if (spec.hostNetwork)
    throw new NotInjected('the pod is in the network of its node, where all would share one sidecar');
  if (spec.os?.name === 'windows') throw new NotInjected('the image is for Linux, the pod for Windows');
  const annotated = readAnnotations(annotations);
  const { port = PORT, 'admin-port': adminPort = ADMIN_PORT, 'config-map': configMap } = annotated;
  checkPorts(pod, port, adminPort);

  const isKnown = annotated.upstream !== undefined || configMap !== undefined;
  const turned = rewrite(pod, annotated.rewrite ?? [], port, isKnown);
  // a variable would beat the configuration's own
  const upstream = annotated.upstream ?? (configMap === undefined ? (turned.led ?? settings.upstream) : undefined);
  if (upstream === undefined && configMap === undefined)
    throw new NotInjected(
      ['no broker is known: annotate tracehare.io/upstream or tracehare.io/config-map', ...turned.warnings].join('; '),
    );
  const container = sidecarContainer({
    image: annotated.image ?? settings.image,
    port,
    adminPort,
    env: settings.env,
    ...(upstream !== undefined && { upstream }),
    ...(configMap !== undefined && { configMap }),
  });
  const grace = spec.terminationGracePeriodSeconds ?? DRAINED;
  const operations = [
    // by places in the pod as it came, so before the sidecar takes the first
    ...turned.operations,
    spec.initContainers?.length ? add('/spec/initContainers/0', container) : add('/spec/initContainers', [container]),
    ...(configMap === undefined ? [] : [volumeOf(pod, configMap)]),
    ...entries(metadata.labels, '/metadata/labels', { [SIDECAR]: 'sidecar' }),
    ...(settings.scrapeAnnotations && !Object.keys(annotations).some((key) => key.startsWith('prometheus.io/'))
      ? entries(annotations, '/metadata/annotations', scraped(adminPort))
      : []),
  ];
  const warnings = [...turned.warnings];
  if (grace < DRAINED)
    warnings.push(`terminationGracePeriodSeconds ${grace} is less than the ${DRAINED} a drain may take`);
  return { operations, warnings };
}

function hasSidecar({ spec }: Pod): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ name }) => name === SIDECAR);
}

function checkPorts({ spec }: Pod, port: number, adminPort: number): void {
  if (port === adminPort) throw new NotInjected(`port and admin-port are both ${port}`);
  for (const { name, ports } of [...(spec.initContainers ?? []), ...spec.containers])
    for (const { containerPort } of ports ?? [])
      if (containerPort === port || containerPort === adminPort)
        throw new NotInjected(
          `port ${containerPort} is that of container ${name}: annotate tracehare.io/${containerPort === port ? 'port' : 'admin-port'} with another`,
        );
}

function volumeOf({ spec }: Pod, configMap: string): Operation {
  const volumes = spec.volumes ?? [];
  if (volumes.some(({ name }) => name === CONFIG_VOLUME))
    throw new NotInjected(`the pod has a volume ${CONFIG_VOLUME} of its own`);
  const volume = { name: CONFIG_VOLUME, configMap: { name: configMap } };
  return volumes.length > 0 ? add('/spec/volumes/-', volume) : add('/spec/volumes', [volume]);
}

/** Adds to labels or annotations what they don't have. */
function entries(
  present: Record<string, string> | null | undefined,
  path: string,
  added: Record<string, string>,
): Operation[] {
  if (present === null || present === undefined) return [add(path, added)];
  return Object.entries(added)
    .filter(([key]) => !Object.hasOwn(present, key))
    .map(([key, value]) => add(`${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, value));
}

const scraped = (adminPort: number) => ({
  'prometheus.io/scrape': 'true',
  'prometheus.io/path': '/metrics',
  'prometheus.io/port': String(adminPort),
});

const add = (path: string, value: unknown): Operation => ({ op: 'add', path, value });
