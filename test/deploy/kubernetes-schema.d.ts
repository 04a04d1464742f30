import type { Manifest } from './manifests.ts';
/** What is wrong with an object: where it breaks the schema of its kind, and fields that the schema doesn't have. */
export declare function problems(object: Manifest): string[];
