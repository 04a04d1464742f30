import type { EventBus } from '../../events/bus.ts';
import type { DeliveryEnded, MessageLost, PublishEnded } from '../../events/lifecycle.ts';
import { eventOf, LOST, SPARED } from '../../events/passage.ts';
import { ConnectionTable } from '../connections.ts';
import type { LossLog } from './log.ts';
import type { Loss } from './loss.ts';

/** Definite losses into the log, with the names of the connections they happened on. */
export function observeLosses(bus: EventBus, log: LossLog): LossLog {
  const connections = new ConnectionTable();
  for (const type of ['connection.opened', 'connection.identified', 'connection.closed'] as const) {
    bus.on(type, (event) => connections.observe(event));
  }
  const name = (connection: number): string => connections.get(connection)?.clientId ?? '';

  bus.onPassage((passage) => {
    const isPublish = passage.names.via === 'publish';
    if (isPublish ? passage.outcome !== 'failed' || (passage.bits & SPARED) !== 0 : (passage.bits & LOST) === 0) return;
    const event = eventOf(passage);
    const { replyCode, messageId } = passage.more;
    log.add({
      ...common(event, isPublish ? 'publish' : 'consume', passage.names.queue, event.endedAt, name(event.connection)),
      ...(replyCode !== 0 && { replyCode, replyText: passage.more.replyText }),
      ...(messageId !== '' && { messageId }),
    });
  });
  bus.on('message.lost', (event) => {
    log.add(common(event, event.side, event.queue, event.at, name(event.connection)));
  });
  return log;
}

function common(
  event: PublishEnded | DeliveryEnded | MessageLost,
  side: Loss['side'],
  queue: string,
  at: number,
  connectionName: string,
): Loss {
  const { exchange, routingKey, topic, pipeline, reason, traceId, connection, channel } = event;
  return {
    time: new Date(at / 1000).toISOString(),
    side,
    exchange,
    routingKey,
    topic,
    pipeline,
    queue,
    reason,
    traceId,
    connection,
    channel,
    connectionName,
  };
}
