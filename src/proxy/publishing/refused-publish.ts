import { ANYTHING, type OpenMessages } from '../open-messages/open-messages.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { type PublishHistory, refusalOf } from './broker-refusal.ts';
import type { PublishOutcomes, Reply } from './publish-outcomes.ts';

/**
 * The broker closed a channel because of a publish (`reply` is channel.close's). Exactly one publish is lost by
 * it, and those behind it were discarded: which one is known if it is the only one of which the broker can
 * speak. The rest stays open.
 */
export function refused(
  open: OpenMessages<PublishTally>,
  history: PublishHistory,
  outcomes: PublishOutcomes,
  reply: Reply,
  now: number,
): void {
  const refusal = refusalOf(reply.code, reply.text);
  if (refusal === undefined) return;
  const { reason, exchange, size } = refusal;
  const candidates: { sequence: number; route: Route<PublishTally> }[] = [];
  for (const publish of open) {
    // what came back was not refused
    if (publish.returned) continue;
    const fits = exchange === undefined ? open.sizeOf(publish, 0) === size : publish.route.exchange === exchange;
    if (fits) candidates.push({ sequence: publish.first, route: publish.route });
  }
  if (candidates.length === 0) {
    const route = history.routeOf(refusal);
    if (route !== undefined) outcomes.lostLate(route, reason, '', '', now);
    return;
  }
  const [{ sequence, route: first }] = candidates;
  const isCertain = history.isCertain(refusal, candidates.length);
  const keys = new Set(candidates.map(({ route }) => route.routingKey));
  const routingKey = keys.size === 1 ? first.routingKey : '';
  open.take(sequence, sequence, ANYTHING, (publish) => {
    if (isCertain) outcomes.lost(publish, reason, false, now, reply);
    else outcomes.lostAmong(publish, reason, routingKey, now, reply);
  });
}
