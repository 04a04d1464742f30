import type { Finding, FindingsAnswer, PoisonAnswer, PoisonMessage } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { sidecarName } from '../data/live.ts';
import { clock, count, NONE, name } from '../format.ts';
import { List } from '../parts/list.tsx';
import { Search } from '../parts/search.tsx';
import type { Column } from '../parts/table.tsx';
import { Bad, Panel, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href, replaceQuery } from '../route.ts';

const EVERY_MS = 5_000;
/** Each takes several lines. */
const MOST_SHOWN = 200;

type Found = FindingsAnswer['findings'][number];

/** What is mostly a mistake of an app, with its evidence and its cure; and the messages that no consumer gets done with. */
export function FindingsView({ route }: ViewProps) {
  const findings = useAsk<FindingsAnswer>('findings', {}, EVERY_MS);
  const poison = useAsk<PoisonAnswer>('poison', {}, EVERY_MS);
  const q = route.query.get('q') ?? '';
  const text = q.toLowerCase();
  const shown = findings.answer?.findings.filter((each) => textOf(each).includes(text));
  const messages = poison.answer?.messages.filter((each) => textOf(each).includes(text)) ?? [];
  return (
    <>
      <h1 class="unseen">Findings</h1>
      <form class="toolbar" onSubmit={(event) => event.preventDefault()}>
        <Search label="Search findings" value={q} onChange={(q) => replaceQuery(route, { q })} />
        {findings.answer && shown && (
          <span class="tally">
            {count(shown.length)} of {count(findings.answer.findings.length)} findings
          </span>
        )}
      </form>
      <Trouble refusal={findings.refusal ?? poison.refusal} />
      <Panel title="How apps use the broker" note="where that is mostly a mistake">
        {shown === undefined || findings.answer === undefined ? (
          <p class="empty">Asking the sidecar…</p>
        ) : (
          <Findings answer={findings.answer} shown={shown} />
        )}
      </Panel>
      <Panel title="Poisonous messages" note="delivered again and again, and no consumer gets done with them">
        <List
          label="Poisonous messages"
          rows={messages}
          columns={COLUMNS}
          keyOf={keyOf}
          empty={poison.answer === undefined ? 'Asking the sidecar…' : 'None.'}
        />
        {poison.answer !== undefined && poison.answer.dropped > 0 && (
          <p class="tally">{count(poison.answer.dropped)} others had to make room since the start.</p>
        )}
      </Panel>
    </>
  );
}

function Findings({ answer, shown }: { answer: FindingsAnswer; shown: readonly Found[] }) {
  if (shown.length === 0)
    return (
      <p class="empty">{answer.findings.length === 0 ? 'None: nothing looks like a mistake.' : 'None matches.'}</p>
    );
  return (
    <>
      <ul class="findings">
        {shown.slice(0, MOST_SHOWN).map((finding) => {
          const { kind, app, vhost, name: what, count: times, since, lastSeen, evidence, cure, sidecar } = finding;
          return (
            <li key={JSON.stringify([sidecar, kind, vhost, app, what])}>
              <h3>
                <span class="outcome unknown">{kind.replaceAll('_', ' ')}</span>{' '}
                <a href={href(['connections'], { q: app })}>{name(app) || NONE}</a> {name(what)}
              </h3>
              <p>{name(evidence)}</p>
              <p class="cure">{cure}</p>
              <p class="tally">
                {count(times)} {times === 1 ? 'time' : 'times'} since <Moment at={since} />, last{' '}
                <Moment at={lastSeen} />, vhost {name(vhost)}, seen by {name(sidecarName(answer, sidecar))}
              </p>
            </li>
          );
        })}
      </ul>
      {shown.length > MOST_SHOWN && <p class="tally">{count(shown.length - MOST_SHOWN)} more: search for them.</p>}
    </>
  );
}

function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {clock(Date.parse(at), false)}
    </time>
  );
}

const keyOf = ({ sidecar, queue, topic, messageId, traceId }: PoisonMessage): string =>
  JSON.stringify([sidecar, queue, topic, messageId, traceId]);

const COLUMNS: readonly Column<PoisonMessage>[] = [
  { id: 'queue', label: 'Queue', by: ({ queue }) => queue, cell: ({ queue }) => name(queue) || NONE },
  {
    id: 'topic',
    label: 'Topic',
    by: ({ topic }) => topic,
    cell: ({ topic, pipeline }) => <a href={href(['topic'], { topic, pipeline })}>{name(topic)}</a>,
  },
  {
    id: 'message',
    label: 'Message id',
    spare: 1,
    cell: ({ messageId }) => <span title={name(messageId)}>{name(messageId) || NONE}</span>,
  },
  {
    id: 'attempts',
    label: 'Attempts',
    meaning: 'at least so many',
    figure: true,
    width: '6rem',
    by: ({ attempts }) => attempts,
    cell: ({ attempts }) => <Bad value={attempts} />,
  },
  {
    id: 'published',
    label: 'Published',
    width: '7rem',
    spare: 2,
    by: ({ firstPublished }) => firstPublished,
    cell: ({ firstPublished }) => (firstPublished === null ? NONE : <Moment at={firstPublished} />),
  },
  {
    id: 'told',
    label: 'Last seen',
    width: '7rem',
    spare: 1,
    by: ({ lastTold }) => lastTold,
    cell: ({ lastTold }) => <Moment at={lastTold} />,
  },
  { id: 'trace', label: 'Trace', width: '6rem', cell: Trace },
];

function Trace({ traceId }: PoisonMessage) {
  if (traceId === '') return <span class="none">{NONE}</span>;
  return (
    <a class="id" href={href(['trace', traceId])} title={traceId} aria-label={`trace ${traceId.slice(0, 8)}`}>
      {traceId.slice(0, 8)}
    </a>
  );
}

const textOf = (of: Finding | PoisonMessage): string =>
  Object.values(of)
    .filter((value) => typeof value === 'string')
    .join('\n')
    .toLowerCase();
