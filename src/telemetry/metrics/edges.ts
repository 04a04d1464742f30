import type { Hop } from '../../proxy/ports/observer.ts';
import { foldName } from './fold.ts';
import { OVERFLOW } from './label-values.ts';

export type EdgeKind = 'publish' | 'route' | 'deliver';
export type NodeKind = 'app' | 'exchange' | 'queue';

export interface Node {
  kind: NodeKind;
  name: string;
  /** '' for apps, which may use several */
  vhost: string;
}

/** One arrow of the service map: app → exchange, exchange → queue, queue → app. */
export interface Edge {
  kind: EdgeKind;
  vhost: string;
  source: Node;
  target: Node;
}

const ENDS: Record<EdgeKind, readonly [NodeKind, NodeKind]> = {
  publish: ['app', 'exchange'],
  route: ['exchange', 'queue'],
  deliver: ['queue', 'app'],
};

/**
 * The edges a message takes with one hop, the one that ends or begins at the app first. The default
 * exchange is no node: it hands each message to the queue that its routing key names.
 */
export function edgesOf({ side, vhost, app, exchange, routingKey, queue }: Hop): Edge[] {
  const client: Node = { kind: 'app', name: app, vhost: '' };
  const node = (kind: 'exchange' | 'queue', name: string): Node => ({ kind, name: foldName(name), vhost });
  if (side === 'publish') {
    const target = exchange === '' ? node('queue', routingKey) : node('exchange', exchange);
    return [{ kind: 'publish', vhost, source: client, target }];
  }
  const source = node('queue', queue);
  const delivered: Edge = { kind: 'deliver', vhost, source, target: client };
  if (exchange === '') return [delivered];
  return [delivered, { kind: 'route', vhost, source: node('exchange', exchange), target: source }];
}

/** The edge as one label value, so that edges are what is limited. */
export function edgeKey({ vhost, source, target }: Edge): string {
  return JSON.stringify([vhost, source.kind, source.name, target.kind, target.name]);
}

/** The edge behind a key, or where those of its kind are counted that are beyond the limit. */
export function edgeOf(kind: EdgeKind, key: string): Edge {
  const [source, target] = ENDS[kind];
  const [vhost, sourceKind, sourceName, targetKind, targetName] =
    key === OVERFLOW ? [OVERFLOW, source, OVERFLOW, target, OVERFLOW] : JSON.parse(key);
  const node = (of: NodeKind, name: string): Node => ({ kind: of, name, vhost: of === 'app' ? '' : vhost });
  return { kind, vhost, source: node(sourceKind, sourceName), target: node(targetKind, targetName) };
}

/** The same on every sidecar. */
export function nodeId({ kind, name, vhost }: Node): string {
  if (kind === 'app' || name === OVERFLOW) return `${kind}:${name}`;
  return `${kind}:${vhost}:${name}`;
}

export function edgeId({ source, target }: Edge): string {
  return `${nodeId(source)} > ${nodeId(target)}`;
}
