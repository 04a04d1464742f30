import type { TopicDetail } from '../../api.ts';
import { count, name } from '../format.ts';
import { href } from '../route.ts';

/** Why messages were lost, may be lost, or came again; the losses lead to the messages themselves. */
export function Reasons({ detail: { row, lost, unknown, requeued, deadLettered } }: { detail: TopicDetail }) {
  const all = [
    ...lost.map((each) => ({ kind: 'lost', ...each })),
    ...unknown.map((each) => ({ kind: 'unknown', ...each })),
    ...deadLettered.map(({ queue, ...each }) => ({ kind: 'dead-lettered', side: queue, ...each })),
    ...requeued.map((each) => ({ kind: 'requeued', side: 'consume', ...each })),
  ].filter((each) => each.count > 0);
  if (all.length === 0) return <p class="empty">Nothing: every message reached its outcome.</p>;
  const most = Math.max(...all.map((each) => each.count));
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">Outcome</th>
          <th scope="col">Reason</th>
          <th scope="col" class="spare-1">
            Side
          </th>
          <th scope="col" class="bar">
            <span class="unseen">Share</span>
          </th>
          <th scope="col" class="figure">
            Messages
          </th>
        </tr>
      </thead>
      <tbody>
        {all.map(({ kind, reason, side, count: messages }) => (
          <tr key={`${kind} ${reason} ${side}`}>
            <td>
              <span class={`outcome ${kind}`}>{kind}</span>
            </td>
            <th scope="row">
              {kind === 'lost' ? <a href={href(['losses'], { topic: row.topic, reason, side })}>{reason}</a> : reason}
            </th>
            <td class="spare-1">{name(side)}</td>
            <td class="bar">
              <span class="bars" aria-hidden="true">
                <i class={kind} style={{ width: `${Math.max(1, (messages / most) * 100)}%` }} />
              </span>
            </td>
            <td class="figure">{count(messages)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
