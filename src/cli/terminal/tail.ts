import process from 'node:process';
import type { MessageEnded, MessagesSkipped } from '../../api.ts';
import type { Arguments } from '../command.ts';
import { AdminClient, AdminError } from './admin-client.ts';
import { lineWidth, print } from './output.ts';
import { clean, clock, cut, padded, type Style, seconds, styled } from './text.ts';

const STYLES: Record<MessageEnded['outcome'], Style> = {
  lost: 'red',
  failed: 'red',
  unknown: 'yellow',
  requeued: 'yellow',
  success: 'green',
};

/** `tracehare tail`: a line for each message as it ends. */
export async function run(given: Arguments): Promise<void> {
  const client = new AdminClient(given);
  const { topic, json } = given.options;
  process.once('SIGINT', () => process.exit(0));
  const asked = { of: 'messages', ...(topic !== undefined && { topic: String(topic) }) };
  for await (const { name, data } of client.events(asked)) {
    if (json) print(JSON.stringify(name === 'skipped' ? { skipped: (data as MessagesSkipped).count } : data));
    else if (name === 'messages') print(lineOf(data as MessageEnded, lineWidth()));
    else if (name === 'skipped') print(`… ${(data as MessagesSkipped).count} more, faster than they are told`);
  }
  throw new AdminError(`${client.url}: the sidecar has gone`);
}

/** Time, side, topic, outcome, how long it took, how long since its publish, trace. */
export function lineOf(message: MessageEnded, width: number): string {
  const { endedAt, side, topic, outcome, reason, duration, latency, traceId } = message;
  const end = reason === '' ? outcome : `${outcome}:${reason}`;
  const fixed = [clock(endedAt), padded(side, 7)];
  const rest = [
    styled(STYLES[outcome], padded(clean(end), 20)),
    padded(seconds(duration), 7, true),
    padded(latency === null ? '' : seconds(latency), 7, true),
    traceId,
  ];
  // on a narrow terminal the trace goes, then names are cut
  const room = width - 12 - 7 - 20 - 7 - 7 - 10;
  const wide = room - 34 >= 12;
  const name = padded(
    cut(clean(topic), Math.max(8, Math.min(32, wide ? room - 34 : room))),
    wide || width === Number.POSITIVE_INFINITY ? 24 : 8,
  );
  return [...fixed, name, ...(wide ? rest : rest.slice(0, 3))].join('  ').trimEnd();
}
