import { useMemo, useState } from 'preact/hooks';
import type { TopologyAnswer, TopologyEdge, TopologyNode } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { clock, count, name, rate } from '../format.ts';
import { fullName, Graph } from '../parts/graph.tsx';
import { List } from '../parts/list.tsx';
import { Search } from '../parts/search.tsx';
import type { Column } from '../parts/table.tsx';
import { Bad, Rate, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { replaceQuery } from '../route.ts';

const EVERY_MS = 3_000;
/** More are no picture any more. */
const MOST_DRAWN = 120;

type NamedEdge = TopologyEdge & { from: TopologyNode; to: TopologyNode };

const COLUMNS: readonly Column<NamedEdge>[] = [
  { id: 'from', label: 'From', by: ({ from }) => from.name, cell: ({ from }) => <Node node={from} /> },
  { id: 'to', label: 'To', by: ({ to }) => to.name, cell: ({ to }) => <Node node={to} /> },
  { id: 'kind', label: 'Kind', width: '5.5rem', spare: 1, by: ({ kind }) => kind, cell: ({ kind }) => kind },
  {
    id: 'vhost',
    label: 'Vhost',
    width: '8rem',
    spare: 1,
    by: ({ vhost }) => vhost,
    cell: ({ vhost }) => <span title={name(vhost)}>{name(vhost)}</span>,
  },
  {
    id: 'rate',
    label: 'Rate',
    figure: true,
    width: '6rem',
    by: ({ rate }) => rate,
    cell: ({ rate }) => <Rate value={rate} />,
  },
  {
    id: 'messages',
    label: 'Messages',
    figure: true,
    width: '7rem',
    spare: 1,
    by: ({ messages }) => messages,
    cell: ({ messages }) => count(messages),
  },
  {
    id: 'lost',
    label: 'Lost',
    figure: true,
    width: '5rem',
    by: ({ lost }) => lost,
    cell: ({ lost }) => <Bad value={lost} />,
  },
  {
    id: 'seen',
    label: 'Last',
    figure: true,
    width: '6rem',
    spare: 2,
    by: ({ lastSeen }) => lastSeen,
    cell: ({ lastSeen }) => <time title={lastSeen}>{clock(Date.parse(lastSeen), false)}</time>,
  },
];

export function MapView({ route }: ViewProps) {
  const [search, vhost] = [(route.query.get('q') ?? '').toLowerCase(), route.query.get('vhost') ?? ''];
  const { answer, refusal } = useAsk<TopologyAnswer>('topology', {}, EVERY_MS);
  const [chosen, choose] = useState<string>();
  const all = useMemo(() => named(answer), [answer]);
  const matching = useMemo(
    () =>
      all.filter((edge) => (vhost === '' || edge.vhost === vhost) && (search === '' || textOf(edge).includes(search))),
    [all, vhost, search],
  );
  const drawn = matching.slice(0, MOST_DRAWN);
  const nodes = [
    ...new Map(drawn.flatMap(({ from, to }) => [[from.id, from] as const, [to.id, to] as const])).values(),
  ].sort(byId);
  const vhosts = [...new Set(all.map(({ vhost }) => vhost))].sort();
  return (
    <>
      <h1 class="unseen">Map</h1>
      <div class="toolbar">
        <Search
          label="Search apps, exchanges, queues"
          value={route.query.get('q') ?? ''}
          onChange={(q) => replaceQuery(route, { q })}
        />
        {vhosts.length > 1 && (
          <label>
            Vhost{' '}
            <select value={vhost} onChange={({ currentTarget }) => replaceQuery(route, { vhost: currentTarget.value })}>
              <option value="">all</option>
              {vhosts.map((each) => (
                <option key={each} value={each}>
                  {name(each)}
                </option>
              ))}
            </select>
          </label>
        )}
        {answer && (
          <span class="tally">
            {drawn.length < matching.length
              ? `the busiest ${count(drawn.length)} of ${count(matching.length)} ways drawn`
              : `${count(matching.length)} ways`}
            , {rate(matching.filter(({ kind }) => kind === 'publish').reduce((sum, each) => sum + each.rate, 0))}{' '}
            published a second
          </span>
        )}
      </div>
      <Trouble refusal={refusal} />
      {drawn.length > 0 && (
        <Graph
          nodes={nodes}
          edges={[...drawn].sort(byId)}
          chosen={nodes.some(({ id }) => id === chosen) ? chosen : undefined}
          onChoose={choose}
        />
      )}
      <List
        label="Who talks to whom"
        rows={matching}
        columns={COLUMNS}
        keyOf={({ id }) => id}
        sorting={{ by: 'rate', down: true }}
        isCurrent={({ source, target }) => chosen !== undefined && (source === chosen || target === chosen)}
        empty={
          answer === undefined
            ? 'Asking the sidecar…'
            : all.length === 0
              ? 'No message has passed.'
              : 'Nothing matches.'
        }
      />
    </>
  );
}

function Node({ node }: { node: TopologyNode }) {
  return (
    <span title={`${node.kind} ${fullName(node)}`}>
      <small class={`kind ${node.kind}`}>{node.kind}</small> {fullName(node)}
    </span>
  );
}

/** Edges whose ends are known, the busiest first: if not all can be drawn, these are. */
function named(answer: TopologyAnswer | undefined): NamedEdge[] {
  const nodes = new Map(answer?.nodes.map((node) => [node.id, node]));
  const edges = (answer?.edges ?? []).flatMap((edge) => {
    const [from, to] = [nodes.get(edge.source), nodes.get(edge.target)];
    return from && to ? [{ ...edge, from, to }] : [];
  });
  return edges.sort((a, b) => b.rate - a.rate || b.messages - a.messages || byId(a, b));
}

function textOf({ from, to, kind, vhost }: NamedEdge): string {
  return [fullName(from), fullName(to), kind, vhost].join('\n').toLowerCase();
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
