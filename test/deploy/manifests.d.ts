/** What the tests look at of a container. */
export interface Container {
    name: string;
    image: string;
    restartPolicy?: string;
    env: {
        name: string;
        value?: string;
        valueFrom?: {
            fieldRef: {
                fieldPath: string;
            };
        };
    }[];
    ports: {
        name: string;
        containerPort: number;
    }[];
    startupProbe: Probe;
    livenessProbe: Probe;
    readinessProbe: Probe;
    volumeMounts: {
        name: string;
        mountPath: string;
        readOnly?: boolean;
    }[];
    [key: string]: unknown;
}
interface Probe {
    httpGet: {
        path: string;
        port: string;
    };
}
export interface PodSpec {
    terminationGracePeriodSeconds: number;
    initContainers: Container[];
    containers: Container[];
    volumes: {
        name: string;
        configMap?: {
            name: string;
        };
        secret?: {
            secretName: string;
        };
        emptyDir?: object;
    }[];
}
/** An object of Kubernetes. */
export interface Manifest {
    apiVersion: string;
    kind: string;
    metadata: {
        name: string;
        labels?: Record<string, string>;
    };
    data?: Record<string, string>;
    spec?: unknown;
}
/** Seconds that the end may take after the drain: 4 for connections to close, 5 for spans to go, 1 for open requests. */
export declare const CLOSING = 10;
export declare const deploy: string;
/** What `helm template` makes of the example's chart, Tracehare's chart packed into it, with these values. */
export declare function renderHelm(values?: object): Promise<Manifest[]>;
/** What `kubectl kustomize` makes of a folder. */
export declare function renderKustomize(folder: string): Promise<Manifest[]>;
export declare function ofKind(objects: Manifest[], kind: string): Manifest;
export declare function podOf(workload: Manifest): {
    metadata: Manifest['metadata'];
    spec: PodSpec;
};
export declare function sidecarOf(workload: Manifest): Container;
/** The literal values of a container's variables. */
export declare function variables({ env }: Container): Record<string, string>;
export {};
