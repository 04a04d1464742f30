import { useState } from 'preact/hooks';
import type { TopicRow } from '../../api.ts';
import { NONE, name, rate, short } from '../format.ts';
import { Overview } from '../parts/overview.tsx';
import { Search } from '../parts/search.tsx';
import type { Sorting } from '../parts/sorting.ts';
import { Sparkline } from '../parts/sparkline.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Bad, Count, Duration, Loss, Rate } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href, replaceQuery } from '../route.ts';
import { type TopicRows, topicKey, useTopicRows } from './topic-rows.ts';

const LABEL = 'Topics';
const sortable = () => null;

const COLUMNS: readonly Column<TopicRow>[] = [
  { id: 'topic', label: 'Topic', by: sortable, cell: TopicName },
  { id: 'line', label: '15 min', width: '8.5rem', spare: 1, meaning: 'messages a second', cell: Line },
  figure('published', 'Published', '7rem', 'messages a second over the last minute', ({ published }) => (
    <Rate value={published} />
  )),
  figure(
    'consumed',
    'Consumed',
    '7rem',
    'messages a second over the last minute',
    ({ consumed }) => <Rate value={consumed} />,
    1,
  ),
  figure(
    'p50',
    'p50',
    '5.8rem',
    'publish to first delivery, of the last minute: half took less',
    (row) => <Duration seconds={row.latency.p50} />,
    2,
  ),
  figure(
    'p95',
    'p95',
    '5.8rem',
    'publish to first delivery, of the last minute: 95 % took less',
    (row) => <Duration seconds={row.latency.p95} />,
    1,
  ),
  figure('p99', 'p99', '5.8rem', 'publish to first delivery, of the last minute: 99 % took less', (row) => (
    <Duration seconds={row.latency.p99} />
  )),
  figure('lossRate', 'Loss', '6.2rem', 'share of the last 60 seconds, of the worse side', (row) => (
    <Loss share={row.lossRate} />
  )),
  figure('lost', 'Lost', '5.8rem', 'definite losses since start', ({ lost }) => <Bad value={lost} />, 1),
  figure(
    'unknown',
    'Unknown',
    '5.9rem',
    'outcomes that nobody can know, since start',
    ({ unknown }) => <Bad value={unknown} warn />,
    2,
  ),
  figure(
    'unsettled',
    'Unsettled',
    '6.2rem',
    'deliveries that await their settlement now',
    ({ unsettled }) => <Count value={unsettled} />,
    1,
  ),
];

/** Kept while another view is shown. */
let lastSorting: Sorting = { by: 'published', down: true };

export function TopicsView({ route }: ViewProps) {
  const [sorting, setSorting] = useState(lastSorting);
  const search = route.query.get('q') ?? '';
  const rows = useTopicRows(LABEL, sorting, search);
  const sort = (next: Sorting) => {
    lastSorting = next;
    setSorting(next);
  };
  return (
    <>
      <h1 class="unseen">Topics</h1>
      <Overview />
      <div class="toolbar">
        <Search label="Search topics and pipelines" value={search} onChange={(q) => replaceQuery(route, { q })} />
        <Told rows={rows} />
      </div>
      <Table
        fills
        label={LABEL}
        rows={rows}
        columns={COLUMNS}
        keyOf={topicKey}
        sorting={sorting}
        onSort={sort}
        onView={rows.onView}
        empty={empty(rows, search)}
      />
    </>
  );
}

function Told({ rows: { told } }: { rows: TopicRows }) {
  return (
    <span class="tally">
      {told === undefined ? '' : `${told.matching.toLocaleString('en')} ${told.matching === 1 ? 'topic' : 'topics'}`}
    </span>
  );
}

function empty({ told }: TopicRows, search: string): string {
  if (told === undefined) return 'Asking the sidecar…';
  return search === ''
    ? 'No message has passed yet: let an app connect to where the sidecar listens.'
    : `No topic has “${name(search)}” in its name.`;
}

function TopicName({ topic, pipeline }: TopicRow) {
  return (
    <a href={href(['topic'], { topic, pipeline })} title={name(topic)}>
      <b>{name(topic) || '(no name)'}</b> <small>{name(pipeline)}</small>
    </a>
  );
}

function Line({ line, topic }: TopicRow) {
  const now = line.rate.at(-1);
  return (
    <Sparkline
      values={line.rate}
      label={`${name(topic)}: ${now === undefined ? NONE : rate(now)} a second now, at most ${short(Math.max(0, ...line.rate))}`}
    />
  );
}

function figure(
  id: string,
  label: string,
  width: string,
  meaning: string,
  cell: Column<TopicRow>['cell'],
  spare?: 1 | 2,
): Column<TopicRow> {
  return { id, label, width, meaning, cell, figure: true, by: sortable, ...(spare && { spare }) };
}
