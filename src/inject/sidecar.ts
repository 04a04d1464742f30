/** What decides on a sidecar. */
export interface Sidecar {
  image: string;
  port: number;
  adminPort: number;
  upstream?: string;
  configMap?: string;
  /** further variables; they beat those set here */
  env: readonly (readonly [name: string, value: string])[];
}

export const SIDECAR = 'tracehare';
export const CONFIG_VOLUME = 'tracehare-config';
const CONFIG_FOLDER = '/etc/tracehare/config';
const ADMIN_PORT = 'tracehare-admin';

/**
 * The container as chart and Kustomize make it with their defaults, which a test holds together: an init container that
 * keeps running, so it is up before the app starts and goes after the app ended.
 */
export function sidecarContainer({ image, port, adminPort, upstream, configMap, env }: Sidecar): object {
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const asked = (path: string) => ({ httpGet: { path, port: ADMIN_PORT } });
  return {
    name: SIDECAR,
    image,
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    env: [
      ...(configMap === undefined ? [] : [{ name: 'TRACEHARE_CONFIG', value: `${CONFIG_FOLDER}/tracehare.yaml` }]),
      ...(upstream === undefined ? [] : [{ name: 'TRACEHARE_UPSTREAM', value: upstream }]),
      { name: 'TRACEHARE_LISTEN', value: `127.0.0.1:${port}` },
      { name: 'TRACEHARE_ADMIN', value: `0.0.0.0:${adminPort}` },
      { name: 'POD_NAME', ...field('metadata.name') },
      { name: 'POD_NAMESPACE', ...field('metadata.namespace') },
      { name: 'OTEL_SERVICE_NAME', ...field("metadata.labels['app.kubernetes.io/name']") },
      { name: 'OTEL_RESOURCE_ATTRIBUTES', value: 'k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)' },
      ...env.map(([name, value]) => ({ name, value })),
    ],
    ports: [{ name: ADMIN_PORT, containerPort: adminPort }],
    startupProbe: { ...asked('/readyz'), periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 60 },
    livenessProbe: { ...asked('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    readinessProbe: { ...asked('/readyz'), periodSeconds: 5, timeoutSeconds: 3 },
    resources: { requests: { cpu: '100m', memory: '160Mi' }, limits: { memory: '384Mi' } },
    securityContext: {
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(configMap !== undefined && {
      volumeMounts: [{ name: CONFIG_VOLUME, mountPath: CONFIG_FOLDER, readOnly: true }],
    }),
  };
}
