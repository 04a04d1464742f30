import type { Loss, LossAnswer } from '../../api.ts';
import { UsageError } from '../arguments.ts';
import type { Arguments } from '../command.ts';
import { AdminClient } from './admin-client.ts';
import { lineWidth, print } from './output.ts';
import { type Column, table } from './table.ts';
import { clock, count } from './text.ts';

const COLUMNS: readonly Column<Loss>[] = [
  { title: 'TIME', of: ({ time }) => clock(Date.parse(time)) },
  { title: 'TOPIC', of: ({ topic }) => topic, least: 10 },
  { title: 'SIDE', of: ({ side }) => side, drop: 3 },
  { title: 'REASON', of: ({ reason }) => reason, style: () => 'red' },
  {
    title: 'FROM',
    of: ({ exchange, routingKey, queue }) => queue || `${exchange || '(default)'} ${routingKey}`.trim(),
    least: 10,
    drop: 4,
  },
  { title: 'CONNECTION', of: ({ connectionName }) => connectionName, least: 10, drop: 5 },
  {
    title: 'BROKER',
    of: ({ replyCode, replyText = '' }) => (replyCode === undefined ? '' : `${replyCode} ${replyText}`.trim()),
    least: 8,
    drop: 6,
  },
  { title: 'TRACE', of: ({ traceId }) => traceId, drop: 1 },
];

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `tracehare losses`: which messages were lost, the newest last. */
export async function run(given: Arguments): Promise<void> {
  const client = new AdminClient(given);
  const { json, since, topic, reason, side, limit } = given.options;
  const answer = await client.get<LossAnswer>('/api/losses', {
    since: since === undefined ? undefined : sinceOf(String(since)),
    topic: text(topic),
    reason: text(reason),
    side: text(side),
    limit: text(limit),
  });
  if (json) {
    print(JSON.stringify(answer));
    return;
  }
  const { losses, matching, dropped, eventsDropped } = answer;
  if (losses.length > 0) for (const line of table(COLUMNS, losses.toReversed(), lineWidth())) print(line);
  const missing = [
    ...(matching > losses.length ? [`${count(matching - losses.length)} older ones are not shown`] : []),
    ...(dropped > 0 ? [`${count(dropped)} are no longer kept`] : []),
    ...(eventsDropped > 0 ? [`${count(eventsDropped)} events were dropped, losses may be among them`] : []),
  ];
  print([`${count(matching)} lost`, ...missing].join('; '));
}

const text = (value: string | true | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

/** Seconds since the epoch of so long ago; anything else is for the server to read. */
function sinceOf(given: string): string {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(given) ?? [];
  if (amount !== undefined) return (Date.now() / 1000 - Number(amount) * UNITS[unit]).toFixed(3);
  if (/^\d+(\.\d+)?[a-z]+$/i.test(given))
    throw new UsageError('--since: expects a time such as 15m, 2h or 2026-01-31T12:00:00Z');
  return given;
}
