import process from 'node:process';
import type { StateAnswer, TopicRow, TopicsAnswer } from '../../api.ts';
import type { Arguments } from '../command.ts';
import { AdminClient, AdminError } from './admin-client.ts';
import { print } from './output.ts';
import { Screen } from './screen.ts';
import { type Column, table } from './table.ts';
import { age, clean, count, cut, percent, rate, type Style, seconds, styled } from './text.ts';

const REFRESH_MS = 2000;
/** What s goes through. */
const SORTS = ['published', 'p95', 'lossRate', 'unsettled', 'topic'] as const;

const bad = (is: boolean): Style | undefined => (is ? 'red' : undefined);

const COLUMNS: readonly Column<TopicRow>[] = [
  { title: 'TOPIC', of: ({ topic }) => topic, least: 12 },
  { title: 'PIPELINE', of: ({ pipeline }) => pipeline, least: 8, drop: 9 },
  { title: 'PUB/S', of: ({ published }) => rate(published), right: true },
  { title: 'CONS/S', of: ({ consumed }) => rate(consumed), right: true },
  { title: 'P50', of: ({ latency }) => seconds(latency.p50), right: true, drop: 7 },
  { title: 'P95', of: ({ latency }) => seconds(latency.p95), right: true, drop: 1 },
  { title: 'P99', of: ({ latency }) => seconds(latency.p99), right: true, drop: 6 },
  {
    title: 'LOSS',
    of: ({ lossRate }) => percent(lossRate),
    right: true,
    style: ({ lossRate }) => bad((lossRate ?? 0) > 0),
  },
  { title: 'LOST', of: ({ lost }) => count(lost), right: true, drop: 3, style: ({ lost }) => bad(lost > 0) },
  { title: 'UNKNOWN', of: ({ unknown }) => count(unknown), right: true, drop: 5 },
  { title: 'UNSETTLED', of: ({ unsettled }) => count(unsettled), right: true, drop: 4 },
  { title: 'PUBLISHED', of: ({ publishedTotal }) => count(publishedTotal), right: true, drop: 8 },
  { title: 'CONSUMED', of: ({ consumedTotal }) => count(consumedTotal), right: true, drop: 8 },
];

/** `tracehare top`: topics, drawn anew every 2 s; once where standard output is no terminal. */
export async function run(given: Arguments): Promise<void> {
  const client = new AdminClient(given);
  const { topic, sort = 'published' } = given.options;
  const asked = { sort: String(sort), ...(topic !== undefined && { search: String(topic) }) };
  if (given.options.json || !process.stdout.isTTY) {
    const topics = await client.get<TopicsAnswer>('/api/topics', { ...asked, limit: 500 });
    if (given.options.json) print(JSON.stringify(topics));
    else for (const line of table(COLUMNS, topics.topics, Number.POSITIVE_INFINITY)) print(line);
    return;
  }
  await watch(client, asked);
}

async function watch(client: AdminClient, asked: { sort: string; search?: string }): Promise<void> {
  let { sort } = asked;
  let seen: { state: StateAnswer; topics: TopicsAnswer } | undefined;
  let problem = '';
  let again = (): void => {};
  const draw = (): void => {
    if (seen !== undefined) screen.draw(page(seen, sort, problem, screen));
  };
  const screen = new Screen((key) => {
    if (key === 'q') process.exit(0);
    if (key !== 's') return;
    sort = SORTS[(SORTS.indexOf(sort as (typeof SORTS)[number]) + 1) % SORTS.length];
    again();
  }, draw);
  const ask = async (): Promise<void> => {
    const [state, topics] = await Promise.all([
      client.get<StateAnswer>('/api/state'),
      client.get<TopicsAnswer>('/api/topics', { ...asked, sort, limit: Math.max(1, Math.min(500, screen.rows)) }),
    ]);
    seen = { state, topics };
  };
  // what can't be asked at all is said without a screen
  await ask();
  screen.open();
  for (;;) {
    draw();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, REFRESH_MS);
      again = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    try {
      await ask();
      problem = '';
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      problem = `${error.message}; trying again`;
    }
  }
}

function page(
  { state, topics }: { state: StateAnswer; topics: TopicsAnswer },
  sort: string,
  problem: string,
  { columns, rows }: Pick<Screen, 'columns' | 'rows'>,
): string[] {
  const upstreams = state.upstreams.map(
    ({ address, up }) => `${address} ${up === null ? 'not dialled yet' : up ? 'up' : 'DOWN'}`,
  );
  const head = [
    `${state.name}  tracehare ${state.version}  up ${age(state.uptime)}  loss ${state.loss}  upstream ${upstreams.join(', ')}`,
    `connections ${count(state.connections)}  channels ${count(state.channels)}  unsettled ${count(state.unsettled)}  published ${count(state.messages.published)}  delivered ${count(state.messages.delivered)}  lost ${count(state.lost)}  unknown ${count(state.unknown)}`,
  ].map((line) => cut(clean(line), columns));
  const notes = [
    ...(state.bypass ? ['bypass: new connections are not read'] : []),
    ...(state.blocked.connections > 0 ? [`${state.blocked.connections} connections are blocked by the broker`] : []),
    ...state.faults.map(
      ({ type, match, secondsLeft }) =>
        `fault ${type} on ${match}${secondsLeft === null ? '' : `, ${age(secondsLeft)} left`}`,
    ),
    ...topics.sidecars.flatMap(({ name, error }) => (error === null ? [] : [`${name}: ${error}`])),
    ...(problem === '' ? [] : [problem]),
  ].map((line) => styled('yellow', cut(clean(line), columns)));
  const hidden = topics.matching - topics.topics.length;
  const foot = `${count(topics.matching)} topics by ${sort}${hidden > 0 ? `, ${count(hidden)} more` : ''}   s: sort  q: quit`;
  const body = table(COLUMNS, topics.topics, columns);
  const room = Math.max(1, rows - head.length - notes.length - 2);
  return [...head, ...notes, '', ...body.slice(0, room), styled('dim', cut(foot, columns))];
}
