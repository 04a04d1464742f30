import { fileURLToPath } from 'node:url';
import { javaClassPath } from '../../scripts/provision.mjs';

const folder = fileURLToPath(new URL('../clients/java/', import.meta.url));

/** The command that runs an app of test/clients/java, compiled as it starts, and its arguments. */
export function javaApp(name: string, ...args: string[]): [command: string, args: string[]] {
  // it lives for seconds: nothing that pays off later
  const flags = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', javaClassPath() ?? ''];
  return ['java', [...flags, `${folder}${name}.java`, ...args]];
}
