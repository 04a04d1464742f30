import type { Loss, LossAnswer } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { sidecarName } from '../data/live.ts';
import { clock, count, name } from '../format.ts';
import { List } from '../parts/list.tsx';
import { Search } from '../parts/search.tsx';
import type { Column } from '../parts/table.tsx';
import { Reason, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href, replaceQuery } from '../route.ts';

const EVERY_MS = 3_000;
const LIMIT = 1000;
/** Minutes back. */
const SINCE = { '5 min': 5, '15 min': 15, '1 h': 60, '1 d': 1440 };

const keyOf = ({ sidecar, time, connection, channel, traceId, exchange, routingKey, reason }: Loss): string =>
  JSON.stringify([sidecar, time, connection, channel, traceId, exchange, routingKey, reason]);

const COLUMNS: readonly Column<Loss>[] = [
  {
    id: 'time',
    label: 'Found',
    width: '8rem',
    by: ({ time }) => time,
    cell: ({ time }) => <time title={time}>{clock(Date.parse(time))}</time>,
  },
  {
    id: 'reason',
    label: 'Reason',
    width: '8rem',
    by: ({ reason }) => reason,
    cell: ({ reason }) => <Reason reason={reason} />,
  },
  { id: 'topic', label: 'Topic', by: ({ topic }) => topic, cell: Topic },
  { id: 'way', label: 'Message', spare: 1, cell: Way },
  { id: 'app', label: 'App', width: '9rem', spare: 1, by: ({ connectionName }) => connectionName, cell: App },
  {
    id: 'said',
    label: 'The broker said',
    width: '10rem',
    spare: 2,
    cell: ({ replyCode, replyText }) => said(replyCode, replyText),
  },
  { id: 'trace', label: 'Trace', width: '6rem', cell: Trace },
];

export function LossesView({ route }: ViewProps) {
  const asked = (name: string) => route.query.get(name) ?? '';
  const minutes = SINCE[asked('since') as keyof typeof SINCE];
  // to the minute: what is asked stays the same for a while
  const since = minutes && Math.floor(Date.now() / 60_000 - minutes) * 60;
  const { answer, refusal } = useAsk<LossAnswer>(
    'losses',
    { topic: asked('topic'), reason: asked('reason'), side: asked('side'), since, limit: LIMIT },
    EVERY_MS,
  );
  const text = asked('q').toLowerCase();
  const losses = (answer?.losses ?? []).filter((loss) => textOf(loss, answer).includes(text));
  const reasons = [...new Set([...(answer?.losses ?? []).map(({ reason }) => reason), asked('reason')])]
    .filter(Boolean)
    .sort();
  return (
    <>
      <h1 class="unseen">Losses</h1>
      <form class="toolbar" onSubmit={(event) => event.preventDefault()}>
        <Search label="Search losses" value={asked('q')} onChange={(q) => replaceQuery(route, { q })} />
        <label>
          Topic{' '}
          <input
            type="text"
            value={asked('topic')}
            onChange={({ currentTarget }) => replaceQuery(route, { topic: currentTarget.value.trim() })}
          />
        </label>
        <Choice
          label="Reason"
          value={asked('reason')}
          options={reasons}
          onChange={(reason) => replaceQuery(route, { reason })}
        />
        <Choice
          label="Side"
          value={asked('side')}
          options={['publish', 'consume']}
          onChange={(side) => replaceQuery(route, { side })}
        />
        <Choice
          label="Since"
          value={asked('since')}
          options={Object.keys(SINCE)}
          onChange={(since) => replaceQuery(route, { since })}
        />
        {answer && <Logged answer={answer} shown={losses.length} />}
      </form>
      <Trouble refusal={refusal} />
      <List
        fills
        label="Losses"
        rows={losses}
        columns={COLUMNS}
        keyOf={keyOf}
        empty={
          answer === undefined
            ? 'Asking the sidecar…'
            : answer.total === 0
              ? 'No message was lost since the start.'
              : 'No loss that is still logged matches.'
        }
      />
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly string[];
  onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">any</option>
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    </label>
  );
}

function Logged({ answer: { matching, total, dropped, eventsDropped }, shown }: { answer: LossAnswer; shown: number }) {
  return (
    <span class="tally">
      {count(shown)} shown, {count(matching)} match, {count(total)} since start
      {dropped > 0 && `, ${count(dropped)} pushed out by newer ones`}
      {eventsDropped > 0 && `; ${count(eventsDropped)} events were dropped: losses may be among them`}
    </span>
  );
}

function Topic({ topic, side }: Loss) {
  return (
    <a href={href(['topic'], { topic })}>
      <b>{name(topic)}</b> <small>{side}</small>
    </a>
  );
}

function wayOf({ exchange, routingKey, queue }: Loss): string {
  return [exchange, routingKey, queue]
    .filter((part) => part !== '')
    .map(name)
    .join(' → ');
}

function Way(loss: Loss) {
  return <span title={wayOf(loss)}>{wayOf(loss)}</span>;
}

function App({ connectionName, connection, sidecar }: Loss) {
  return (
    <a href={href(['connections'], { sidecar, connection: String(connection) })} title={name(connectionName)}>
      {name(connectionName) || `connection ${connection}`}
    </a>
  );
}

function Trace({ traceId }: Loss) {
  if (traceId === '') return <span class="none">–</span>;
  return (
    <a class="id" href={href(['trace', traceId])} title={traceId} aria-label={`trace ${traceId.slice(0, 8)}`}>
      {traceId.slice(0, 8)}
    </a>
  );
}

function said(code: number | undefined, text: string | undefined) {
  const words = [code, text].filter((part) => part !== undefined).join(' ');
  return words === '' ? <span class="none">–</span> : <span title={name(words)}>{name(words)}</span>;
}

function textOf(loss: Loss, answer: LossAnswer | undefined): string {
  const { topic, exchange, routingKey, queue, connectionName, replyText = '', messageId = '', traceId, reason } = loss;
  const all = [
    topic,
    exchange,
    routingKey,
    queue,
    connectionName,
    replyText,
    messageId,
    traceId,
    reason,
    sidecarName(answer, loss.sidecar),
  ];
  return all.join('\n').toLowerCase();
}
