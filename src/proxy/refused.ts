import type { PublishTally } from './observer.ts';
import { unknown } from './publish-events.ts';
import type { PublishOutcomes } from './publish-outcomes.ts';
import { type PublishHistory, refusalOf } from './refusal.ts';
import type { Window } from './window.ts';

/**
 * The broker closed a channel because of a publish (`code` and `reply` are channel.close's). Exactly
 * one publish is lost by it, and those behind it were discarded: which one is known if it is the only
 * one of which the broker can speak. The rest stays open.
 */
export function refused(
  open: Window<PublishTally>,
  history: PublishHistory,
  outcomes: PublishOutcomes,
  code: number,
  reply: string,
  now: number,
): void {
  const refusal = refusalOf(code, reply);
  if (refusal === undefined) return;
  const { reason, exchange, size } = refusal;
  const candidates: number[] = [];
  for (let n = open.first(); n >= 0; n = open.first(n + 1)) {
    const slot = open.find(n);
    const fits = exchange === undefined ? open.sizes[slot] === size : open.routes[slot]?.exchange === exchange;
    if (fits) candidates.push(n);
  }
  if (candidates.length === 0) {
    const route = history.routeOf(refusal);
    if (route !== undefined) outcomes.lostLate(route, reason, '', '', now);
    return;
  }
  const keys = new Set(candidates.map((each) => open.routes[open.find(each)]?.routingKey));
  const n = candidates[0];
  const slot = open.take(n);
  if (history.isCertain(refusal, candidates.length)) outcomes.lost(slot, n, reason, now, false, code, reply);
  else {
    const routingKey = keys.size === 1 ? (open.routes[slot]?.routingKey ?? '') : '';
    outcomes.lostAmong(slot, n, reason, routingKey, now, unknown('channel_error', code, reply));
  }
  open.release(slot);
}
