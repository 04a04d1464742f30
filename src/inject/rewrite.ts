import { upstreams } from '../config/values.ts';
import type { Operation, Pod, PodContainer } from './pod.ts';

export interface Rewritten {
  operations: Operation[];
  /** where the variables led, unless the sidecar knows its broker */
  led?: string;
  /** one line for each variable that stays as it is */
  warnings: string[];
}

/** amqp://USER:PASSWORD@HOST:PORT/VHOST?QUERY; of a password a reference such as $(PASSWORD) may stand there. */
const ADDRESS = /^(amqps?):\/\/((?:[^/?#]*@)?)([^/?#@]*)(.*)$/s;

/**
 * Turns variables of the app's containers from the broker to the sidecar: host and port only, user, password and vhost
 * stay. Unless the sidecar knows its broker (`isKnown`) it gets the one that the first of them led to, and what leads
 * elsewhere stays.
 */
export function rewrite({ spec }: Pod, names: readonly string[], port: number, isKnown: boolean): Rewritten {
  const operations: Operation[] = [];
  const warnings: string[] = [];
  let led: string | undefined;
  const missing = new Set(names);
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      for (const [at, { name, value, valueFrom }] of (container.env ?? []).entries()) {
        if (!names.includes(name)) continue;
        missing.delete(name);
        const stays = (why: string) => warnings.push(`${name} of ${named(container)} ${why}: it stays as it is`);
        if (valueFrom !== undefined && valueFrom !== null) {
          stays('comes from elsewhere, which an injector can not read');
          continue;
        }
        const [, scheme, user, authority, rest] = ADDRESS.exec(value ?? '') ?? [];
        if (authority === undefined) {
          stays('is no amqp:// address');
          continue;
        }
        const broker = `${scheme}://${authority}`;
        if (!isKnown && broker !== led) {
          if (led !== undefined || !upstreams.safeParse(broker).success) {
            stays(led === undefined ? 'names no broker that a sidecar could find' : 'leads to another broker');
            continue;
          }
          led = broker;
        }
        const turned = `amqp://${user}127.0.0.1:${port}${rest}`;
        operations.push({ op: 'replace', path: `/spec/${list}/${index}/env/${at}/value`, value: turned });
      }
    }
  }
  for (const name of missing) warnings.push(`no container has the variable ${name}`);
  return { operations, warnings, ...(led !== undefined && { led }) };
}

const named = ({ name }: PodContainer): string => `container ${name}`;
