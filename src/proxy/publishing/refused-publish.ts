import type { Awaiting, AwaitingReturn } from '../open-messages/awaiting-return.ts';
import type { FlushTimes } from '../open-messages/flush-times.ts';
import { PLAIN_PUBLISH } from '../open-messages/span-detail.ts';
import type { Window } from '../open-messages/window.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { type PublishHistory, refusalOf } from './broker-refusal.ts';
import { unknown } from './publish-events.ts';
import type { PublishOutcomes } from './publish-outcomes.ts';

/**
 * The broker closed a channel because of a publish (`code` and `reply` are channel.close's). Exactly
 * one publish is lost by it, and those behind it were discarded: which one is known if it is the only
 * one of which the broker can speak. The rest stays open.
 */
export function refused(
  open: Window<PublishTally>,
  awaiting: AwaitingReturn,
  flushes: FlushTimes,
  history: PublishHistory,
  outcomes: PublishOutcomes,
  code: number,
  reply: string,
  now: number,
): void {
  const refusal = refusalOf(code, reply);
  if (refusal === undefined) return;
  const { reason, exchange, size } = refusal;
  const fits = (route: Route<PublishTally>, of: number): boolean =>
    exchange === undefined ? of === size : route.exchange === exchange;
  const candidates: Candidate[] = [];
  for (let n = open.first(); n >= 0; n = open.first(n + 1)) {
    const slot = open.find(n);
    const route = open.routes[slot] as Route<PublishTally>;
    if (fits(route, open.sizes[slot])) candidates.push({ sequence: n, route, awaiting: undefined });
  }
  for (const each of awaiting) {
    if (fits(each.route, each.size)) {
      candidates.push({ sequence: each.sequence, route: each.route, awaiting: each });
    }
  }
  if (candidates.length === 0) {
    const route = history.routeOf(refusal);
    if (route !== undefined) outcomes.lostLate(route, reason, '', '', now);
    return;
  }
  const first = candidates.reduce((one, other) => (other.sequence < one.sequence ? other : one));
  const isCertain = history.isCertain(refusal, candidates.length);
  const keys = new Set(candidates.map(({ route }) => route.routingKey));
  const routingKey = keys.size === 1 ? first.route.routingKey : '';
  const { sequence } = first;
  const endedAt = flushes.of(sequence, now);
  if (first.awaiting !== undefined) {
    const { route, time } = first.awaiting;
    const publish = awaiting.message(first.awaiting, PLAIN_PUBLISH);
    awaiting.take(first.awaiting);
    if (isCertain) outcomes.lostAwaiting(publish, sequence, reason, endedAt, code, reply);
    else outcomes.lostUnnamed(route, time, reason, routingKey, endedAt, now);
    return;
  }
  const slot = open.take(sequence);
  if (isCertain) outcomes.lost(slot, sequence, reason, endedAt, false, code, reply);
  else outcomes.lostAmong(slot, sequence, reason, routingKey, endedAt, now, unknown('channel_error', code, reply));
  open.release(slot);
}

/** A publish the broker may speak of; `awaiting`: it lies there, else in the window. */
interface Candidate {
  sequence: number;
  route: Route<PublishTally>;
  awaiting: Awaiting | undefined;
}
