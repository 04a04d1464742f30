import type { ChannelRow, ConnectionRow, ConnectionsAnswer } from '../../api.ts';
import { useAsk } from '../data/ask.ts';
import { live, sidecarName, useLive } from '../data/live.ts';
import { count, moment, NONE, name, span } from '../format.ts';
import { List } from '../parts/list.tsx';
import { Search } from '../parts/search.tsx';
import type { Column } from '../parts/table.tsx';
import { Count, Panel, Trouble } from '../parts/words.tsx';
import type { ViewProps } from '../route.ts';
import { href, replaceQuery } from '../route.ts';

const EVERY_MS = 2_000;
const LIMIT = 1000;

const keyOf = ({ sidecar, connection }: ConnectionRow): string => JSON.stringify([sidecar, connection]);

const COLUMNS: readonly Column<ConnectionRow>[] = [
  { id: 'app', label: 'App', by: ({ app }) => app, cell: App },
  { id: 'user', label: 'User', width: '7rem', spare: 1, by: ({ user }) => user, cell: ({ user }) => name(user) },
  {
    id: 'vhost',
    label: 'Vhost',
    width: '8rem',
    by: ({ vhost }) => vhost,
    cell: ({ vhost }) => <span title={name(vhost)}>{name(vhost)}</span>,
  },
  { id: 'peer', label: 'From', width: '10rem', spare: 1, by: ({ peer }) => peer, cell: ({ peer }) => peer },
  { id: 'state', label: 'State', width: '7rem', by: stateOf, cell: State },
  {
    id: 'channels',
    label: 'Channels',
    figure: true,
    width: '5.5rem',
    by: channelsOf,
    cell: (row) => <Count value={channelsOf(row)} />,
  },
  {
    id: 'prefetch',
    label: 'Prefetch',
    figure: true,
    width: '5.5rem',
    spare: 1,
    meaning: 'of basic.qos, over all channels',
    by: prefetchOf,
    cell: Prefetch,
  },
  {
    id: 'unsettled',
    label: 'Unsettled',
    figure: true,
    width: '6rem',
    by: ({ unsettled }) => unsettled,
    cell: ({ unsettled }) => <Count value={unsettled} />,
  },
  { id: 'age', label: 'Open for', figure: true, width: '7rem', spare: 1, by: ({ openedAt }) => -openedAt, cell: Age },
];

/** With several sidecars also which of them it goes through. */
const ALL_COLUMNS: readonly Column<ConnectionRow>[] = [
  COLUMNS[0],
  {
    id: 'sidecar',
    label: 'Through',
    spare: 2,
    by: through,
    cell: (row) => <span title={through(row)}>{through(row)}</span>,
  },
  ...COLUMNS.slice(1),
];

const CHANNEL_COLUMNS: readonly Column<ChannelRow>[] = [
  {
    id: 'channel',
    label: 'Channel',
    figure: true,
    width: '5rem',
    by: ({ channel }) => channel,
    cell: ({ channel }) => channel,
  },
  { id: 'state', label: 'State', width: '7rem', by: ({ state }) => state, cell: ({ state }) => state },
  {
    id: 'prefetch',
    label: 'Prefetch',
    figure: true,
    width: '5.5rem',
    by: ({ prefetch }) => prefetch,
    cell: ({ prefetch, prefetchGlobal }) => limits(prefetch, prefetchGlobal),
  },
  {
    id: 'unsettled',
    label: 'Unsettled',
    figure: true,
    width: '6rem',
    by: ({ unsettled }) => unsettled,
    cell: ({ unsettled }) => <Count value={unsettled} />,
  },
  {
    id: 'open',
    label: 'Open publishes',
    figure: true,
    width: '8rem',
    spare: 1,
    by: ({ openPublishes }) => openPublishes,
    cell: ({ openPublishes }) => <Count value={openPublishes} />,
  },
  { id: 'consumers', label: 'Consumers', cell: Consumers },
];

export function ConnectionsView({ route }: ViewProps) {
  const search = route.query.get('q') ?? '';
  const { answer, refusal } = useAsk<ConnectionsAnswer>('connections', { search, limit: LIMIT }, EVERY_MS);
  const [sidecar, connection] = [route.query.get('sidecar'), Number(route.query.get('connection'))];
  const isChosen = (row: ConnectionRow) => row.connection === connection && row.sidecar === sidecar;
  const chosen = answer?.connections.find(isChosen);
  return (
    <>
      <h1 class="unseen">Connections</h1>
      <div class="toolbar">
        <Search label="Search connections" value={search} onChange={(q) => replaceQuery(route, { q })} />
        {answer && <Shown answer={answer} />}
      </div>
      <Trouble refusal={refusal} />
      {sidecar !== null && answer && !chosen && (
        <p class="trouble">Connection {connection} is not open any more, or does not match the search.</p>
      )}
      <List
        fills
        label="Connections"
        rows={answer?.connections ?? []}
        columns={(answer?.sidecars.length ?? 0) > 1 ? ALL_COLUMNS : COLUMNS}
        keyOf={keyOf}
        isCurrent={isChosen}
        empty={
          answer === undefined
            ? 'Asking the sidecar…'
            : search === ''
              ? 'No app is connected.'
              : 'No connection matches.'
        }
      />
      {chosen && answer && <Channels row={chosen} sidecar={sidecarName(answer, chosen.sidecar)} />}
    </>
  );
}

function Shown({ answer: { matching, connections } }: { answer: ConnectionsAnswer }) {
  return (
    <span class="tally">
      {matching > connections.length
        ? `the oldest ${count(connections.length)} of ${count(matching)}`
        : count(matching)}{' '}
      connections
    </span>
  );
}

function Channels({ row, sidecar }: { row: ConnectionRow; sidecar: string }) {
  const { app, connection, client, upstream, openedAt, channels, moreChannels, blocked, bypass } = row;
  return (
    <Panel
      title={name(app) || `Connection ${connection}`}
      note={`connection ${connection} through ${name(sidecar)} to ${upstream}`}
    >
      <p class="tally">
        {name(client) || 'client unknown'}, since <time>{moment(openedAt)}</time>
        {blocked !== null && <span class="bad">, blocked by the broker: {name(blocked) || 'no reason given'}</span>}
        {bypass !== '' && <span class="bad">, a plain pipe: {name(bypass)}</span>}
      </p>
      <List
        label="Channels"
        rows={channels}
        columns={CHANNEL_COLUMNS}
        keyOf={({ channel }) => String(channel)}
        empty="It has no channel open."
      />
      {moreChannels > 0 && <p class="tally">and {count(moreChannels)} more channels</p>}
    </Panel>
  );
}

function App({ app, name: own, client, sidecar, connection }: ConnectionRow) {
  return (
    <a href={href(['connections'], { sidecar, connection: String(connection) })} title={name(client)}>
      <b>{name(app) || `connection ${connection}`}</b>{' '}
      <small>{own !== '' && own !== app ? name(own) : name(client)}</small>
    </a>
  );
}

function through({ sidecar }: ConnectionRow): string {
  return name(sidecarName(live.state, sidecar));
}

function stateOf({ blocked, bypass }: ConnectionRow): string {
  if (blocked !== null) return 'blocked';
  return bypass === '' ? 'open' : 'plain pipe';
}

function State(row: ConnectionRow) {
  const state = stateOf(row);
  return (
    <span class={state === 'open' ? 'good' : 'bad'} title={name(row.blocked || row.bypass)}>
      {state}
    </span>
  );
}

function channelsOf({ channels, moreChannels }: ConnectionRow): number {
  return channels.length + moreChannels;
}

/** Of all its channels; null where one has no limit, which is none at all. */
function prefetchOf({ channels }: ConnectionRow): number | null {
  const consuming = channels.filter(({ consumers }) => consumers.length > 0);
  if (
    consuming.length === 0 ||
    consuming.some(({ prefetch, prefetchGlobal }) => prefetch === 0 && prefetchGlobal === 0)
  )
    return null;
  return consuming.reduce((sum, { prefetch, prefetchGlobal }) => sum + (prefetchGlobal || prefetch), 0);
}

function Prefetch(row: ConnectionRow) {
  const prefetch = prefetchOf(row);
  if (prefetch !== null) return count(prefetch);
  const consumes = row.channels.some(({ consumers }) => consumers.length > 0);
  return <span class={consumes ? 'warn' : 'none'}>{consumes ? 'no limit' : NONE}</span>;
}

function limits(perConsumer: number, perChannel: number): string {
  if (perConsumer === 0 && perChannel === 0) return 'no limit';
  if (perChannel === 0) return count(perConsumer);
  return perConsumer === 0 ? `${count(perChannel)} in all` : `${count(perConsumer)}, ${count(perChannel)} in all`;
}

function Age({ openedAt }: ConnectionRow) {
  // drawn again as the state comes
  useLive();
  return <time title={moment(openedAt)}>{span(Math.max(0, (Date.now() - openedAt) / 1000))}</time>;
}

function Consumers({ consumers, moreConsumers }: ChannelRow) {
  if (consumers.length === 0) return <span class="none">{NONE}</span>;
  const text = consumers
    .map(({ tag, queue, noAck }) => `${name(queue)} (${[name(tag), noAck && 'auto-ack'].filter(Boolean).join(', ')})`)
    .join('; ');
  const all = moreConsumers === 0 ? text : `${text} and ${count(moreConsumers)} more`;
  return <span title={all}>{all}</span>;
}
