import type { Client } from './treatment.ts';

/** Longer names are cut: they end up in labels. */
const MAX_LENGTH = 100;
const UNKNOWN = 'unknown';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/**
 * What distinguishes the instances of one app, at the end of a connection's name. Each is stripped
 * together with the separators before it, again and again until none is left.
 */
const INSTANCES: readonly RegExp[] = [
  // Spring's CachingConnectionFactory: bean name, [.publisher]#identity hash:counter
  /(?:\.publisher)?#[0-9a-f]{1,8}:\d+$/i,
  // app@host, as Celery has it
  /@[^@]*$/,
  // a UUID
  /\*$/,
  // a Deployment's pod: ReplicaSet hash and pod suffix, of the alphabet Kubernetes draws them from
  /-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/,
  // address and port
  /(?<![a-z\d.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?$/i,
  // a container id, a commit, any other long hexadecimal id; with a digit, so that no word is one
  /(?<![0-9a-z])(?=[a-f]*\d)[0-9a-f]{8,}$/i,
  // process id, port, counter, ordinal of a StatefulSet
  /(?<![0-9a-z.])(?:pid\W?)?\d+$/i,
];
const SEPARATORS = /[\s\-_.:/#@|,;=~+<>()[\]{}]+$/;

/**
 * The app behind a connection, stable over its instances and restarts: the one definition, for
 * rules and for the service map (docs/operations.md, Service map, has these rules in words).
 *
 * It is the client property connection_name without what tells instances apart; if there is none,
 * or nothing else in it, the client library's product and the user, as `product/user`.
 */
export function appName({ connectionName, product, user }: Client): string {
  return stem(connectionName) || [product, user].filter(Boolean).join('/').slice(0, MAX_LENGTH) || UNKNOWN;
}

function stem(connectionName: string): string {
  let name = connectionName.slice(0, MAX_LENGTH).replace(UUID, '*');
  for (;;) {
    const trimmed = name.replace(SEPARATORS, '');
    const instance = INSTANCES.find((pattern) => pattern.test(trimmed));
    if (instance === undefined) return trimmed.trim();
    name = trimmed.replace(instance, '');
  }
}
