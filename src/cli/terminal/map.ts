import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../api.ts';
import type { Arguments } from '../command.ts';
import { AdminClient } from './admin-client.ts';
import { lineWidth, print } from './output.ts';
import { type Column, table } from './table.ts';
import { age, count, rate } from './text.ts';

interface Row extends TopologyEdge {
  from: string;
  to: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'FROM', of: ({ from }) => from, least: 12 },
  { title: 'TO', of: ({ to }) => `→ ${to}`, least: 14 },
  { title: 'RATE', of: (row) => `${rate(row.rate)}/s`, right: true },
  { title: 'MESSAGES', of: ({ messages }) => count(messages), right: true, drop: 2 },
  {
    title: 'LOST',
    of: ({ lost, kind }) => (kind === 'route' ? '' : count(lost)),
    right: true,
    style: ({ lost }) => (lost > 0 ? 'red' : undefined),
  },
  { title: 'VHOST', of: ({ vhost }) => vhost, least: 4, drop: 3 },
  {
    title: 'SEEN',
    of: ({ lastSeen }) => `${age(Math.max(0, (Date.now() - Date.parse(lastSeen)) / 1000))} ago`,
    right: true,
    drop: 4,
  },
];

const ORDER: readonly TopologyEdge['kind'][] = ['publish', 'route', 'deliver'];

/** `tracehare map`: who talks to whom, along the way of the messages. */
export async function run(given: Arguments): Promise<void> {
  const client = new AdminClient(given);
  const { json, vhost, pipeline } = given.options;
  const answer = await client.get<TopologyAnswer>('/api/topology', {
    ...(vhost !== undefined && { vhost: String(vhost) }),
    ...(pipeline !== undefined && { pipeline: String(pipeline) }),
  });
  if (json) {
    print(JSON.stringify(answer));
    return;
  }
  const names = new Map(answer.nodes.map((node) => [node.id, nameOf(node)]));
  const rows = answer.edges.map((edge) => ({
    ...edge,
    from: names.get(edge.source) ?? '?',
    to: names.get(edge.target) ?? '?',
  }));
  rows.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || b.rate - a.rate || a.from.localeCompare(b.from));
  if (rows.length === 0) print('nobody has sent or got a message yet');
  else for (const line of table(COLUMNS, rows, lineWidth())) print(line);
}

const nameOf = ({ kind, name }: TopologyNode): string => `${kind} ${name}`;
