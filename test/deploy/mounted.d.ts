import type { Container, PodSpec } from './manifests.ts';
/**
 * Lays out below `folder` what a container mounts, as the kubelet does: each file a link through `..data`.
 *
 * @param contents for each ConfigMap and Secret by its name: file name to text
 */
export declare function mount(folder: string, { volumeMounts }: Container, { volumes }: PodSpec, contents: Record<string, Record<string, string>>): void;
/** The container's variables as its process would see them, paths below `folder` and on ports that are free. */
export declare function environment(folder: string, { env }: Container, fields: Record<string, string>): Record<string, string>;
