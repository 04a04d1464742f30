import { type Rig } from '../process/rig.ts';
/** A folder with these files. */
export declare function folderOf(files: Record<string, string>): string;
/** A sidecar with the configuration `tracehare.yaml` of these files. */
export declare function startPluginRig(files: {
    'tracehare.yaml': string;
} & Record<string, string>, options?: {
    args?: string[];
    env?: Record<string, string>;
}): Promise<Rig>;
