import type { TraceSummary } from '../../api.ts';
import { clock, moment, name } from '../format.ts';
import { href } from '../route.ts';
import { List } from './list.tsx';
import type { Column } from './table.tsx';
import { Duration, Outcome } from './words.tsx';

const COLUMNS: readonly Column<TraceSummary>[] = [
  { id: 'name', label: 'Trace', by: ({ name }) => name, cell: TraceName },
  {
    id: 'outcome',
    label: 'Outcome',
    width: '9.5rem',
    by: ({ outcome, reason }) => reason || outcome,
    cell: ({ outcome, reason }) => <Outcome outcome={outcome} reason={reason} />,
  },
  {
    id: 'spans',
    label: 'Spans',
    figure: true,
    width: '4rem',
    spare: 1,
    by: ({ spans }) => spans,
    cell: ({ spans }) => spans,
  },
  {
    id: 'duration',
    label: 'Took',
    figure: true,
    width: '5.5rem',
    by: ({ duration }) => duration,
    cell: ({ duration }) => <Duration seconds={duration} />,
  },
  {
    id: 'start',
    label: 'Began',
    figure: true,
    width: '8rem',
    spare: 1,
    by: ({ startMicros }) => startMicros,
    cell: Began,
  },
];
/** Where there is room, also what else the trace touched. */
const ALL_COLUMNS: readonly Column<TraceSummary>[] = [
  COLUMNS[0],
  {
    id: 'topics',
    label: 'Topics',
    spare: 2,
    cell: ({ topics }) => <span title={topics.map(name).join(', ')}>{topics.map(name).join(', ')}</span>,
  },
  ...COLUMNS.slice(1),
];

export interface TraceListProps {
  label: string;
  traces: readonly TraceSummary[];
  /** a list of its own, with all there is to say */
  fills?: boolean;
  empty?: string;
}

/** In the order given, until the reader asks for another one. */
export function TraceList({ label, traces, fills = false, empty = 'None is kept.' }: TraceListProps) {
  return (
    <List
      label={label}
      rows={traces}
      columns={fills ? ALL_COLUMNS : COLUMNS}
      keyOf={({ traceId }) => traceId}
      fills={fills}
      empty={empty}
    />
  );
}

function TraceName({ traceId, name: text }: TraceSummary) {
  return (
    <a href={href(['trace', traceId])}>
      {name(text)} <small class="id">{traceId.slice(0, 8)}</small>
    </a>
  );
}

function Began({ startMicros }: TraceSummary) {
  return <time title={moment(startMicros / 1000)}>{clock(startMicros / 1000)}</time>;
}
