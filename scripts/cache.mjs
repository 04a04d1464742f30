// Plain JavaScript, as who uses it.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder for what takes long to make, of this name; it may be deleted when nothing runs. */
export const cacheFolder = (name) => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tracehare', name);
