import { type Edge, type EdgeKind, edgeId, edgeOf, type Node, type NodeKind, nodeId } from '../metrics/edges.ts';
import type { CellReader } from './cell-reader.ts';
import type { CellMetric, Declaration } from './declaration.ts';
import type { Group, Groups, Labels } from './groups.ts';
import { LastMinute, SECONDS } from './last-minute.ts';

export interface TopologyNode {
  id: string;
  kind: NodeKind;
  name: string;
  /** '' for apps */
  vhost: string;
}

export interface TopologyEdge {
  id: string;
  /** ids of nodes */
  source: string;
  target: string;
  kind: EdgeKind;
  vhost: string;
  messages: number;
  /** definitely lost; routes have none */
  lost: number;
  /** messages a second over the last 60 s */
  rate: number;
  /** ISO 8601; a second off at most */
  lastSeen: string;
}

/** Which part of the map: every key given must match. */
export interface TopologyQuery {
  pipeline?: string;
  vhost?: string;
}

/** How an edge is used. */
interface Pace {
  /** in the last minute's figures */
  row: number;
  /** milliseconds since the epoch */
  lastSeen: number;
}

/** Who talks to whom: the edges that all traffic threads counted, with their rate and when they were last used. */
export class Topology {
  readonly #reader: CellReader;
  readonly #messages: Groups;
  readonly #lost: Groups;
  readonly #minute = new LastMinute();
  readonly #paces = new Map<Group, Pace>();

  constructor(reader: CellReader) {
    this.#reader = reader;
    this.#messages = reader.groups([{ family: 'edge_messages' }]);
    this.#lost = reader.groups([{ family: 'edge_lost' }]);
  }

  /** Call once a second and before reading; a steady clock and the wall clock, milliseconds. */
  snapshot(nowMs: number, wallMs: number): void {
    this.#minute.advance(nowMs);
    for (const [group, { row }] of this.#paces) {
      if (!group.isEmpty) continue;
      this.#minute.delete(row);
      this.#paces.delete(group);
    }
    const { live } = this.#reader;
    for (const group of this.#messages) {
      const gained = group.gained(live);
      if (gained === 0) continue;
      const { row } = this.#paces.get(group) ?? { row: this.#minute.add() };
      this.#minute.note(row, gained);
      this.#paces.set(group, { row, lastSeen: wallMs });
    }
  }

  nodes(query: TopologyQuery = {}): TopologyNode[] {
    const nodes = new Map<string, TopologyNode>();
    const add = (node: Node) => nodes.set(nodeId(node), { id: nodeId(node), ...node });
    for (const { edge } of this.#matching(query)) {
      add(edge.source);
      add(edge.target);
    }
    return [...nodes.values()].sort(byId);
  }

  edges(query: TopologyQuery = {}): TopologyEdge[] {
    const { live } = this.#reader;
    const edges = new Map<string, TopologyEdge>();
    for (const { group, edge } of this.#matching(query)) {
      const pace = this.#paces.get(group);
      const shown = edges.get(edgeId(edge)) ?? unused(edge);
      shown.messages += group.total(live);
      shown.lost += this.#lost.find(group.labels)?.total(live) ?? 0;
      if (pace !== undefined) {
        shown.rate += this.#minute.sum(pace.row) / SECONDS;
        if (pace.lastSeen > Date.parse(shown.lastSeen)) shown.lastSeen = new Date(pace.lastSeen).toISOString();
      }
      edges.set(shown.id, shown);
    }
    return [...edges.values()].sort(byId);
  }

  *#matching({ pipeline, vhost }: TopologyQuery): Iterable<{ group: Group; edge: Edge }> {
    for (const group of this.#messages) {
      if (pipeline !== undefined && group.labels.pipeline !== pipeline) continue;
      const edge = edgeOf(group.labels.kind as EdgeKind, group.labels.edge);
      if (vhost === undefined || edge.vhost === vhost) yield { group, edge };
    }
  }
}

/** The edge before any of its pipelines was added. */
function unused(edge: Edge): TopologyEdge {
  const { kind, vhost, source, target } = edge;
  const ends = { source: nodeId(source), target: nodeId(target) };
  return { id: edgeId(edge), ...ends, kind, vhost, messages: 0, lost: 0, rate: 0, lastSeen: new Date(0).toISOString() };
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

const EDGE = ['id', 'source', 'target', 'kind', 'vhost', 'pipeline'] as const;

function shown({ pipeline, kind, edge: key }: Labels): Labels {
  const edge = edgeOf(kind as EdgeKind, key);
  return {
    id: edgeId(edge),
    source: nodeId(edge.source),
    target: nodeId(edge.target),
    kind,
    vhost: edge.vhost,
    pipeline,
  };
}

/** The service map as series. Labels are called what Grafana's node graph calls its fields. */
export const TOPOLOGY_METRICS: readonly CellMetric[] = [
  {
    name: 'tracehare_topology_messages_total',
    help: 'Messages by edge of the service map: publish (app to exchange), route (exchange to queue), deliver (queue to app).',
    type: 'counter',
    labels: EDGE,
    from: [{ family: 'edge_messages', labels: shown }],
  },
  {
    name: 'tracehare_topology_lost_total',
    help: 'Messages definitely lost, by edge of the service map: publish or deliver.',
    type: 'counter',
    labels: EDGE,
    from: [{ family: 'edge_lost', labels: shown }],
  },
];

export const TOPOLOGY_NODES: Declaration = {
  name: 'tracehare_topology_node_info',
  help: 'Always 1, for each node of the service map: title is its name, kind is app, exchange or queue.',
  type: 'gauge',
  labels: ['id', 'title', 'subtitle', 'kind'],
};

export function nodeInfo(topology: Topology): { labels: Labels; value: number }[] {
  return topology.nodes().map(({ id, kind, name, vhost }) => ({
    labels: { id, title: name, subtitle: kind === 'app' ? kind : `${kind} in ${vhost}`, kind },
    value: 1,
  }));
}
