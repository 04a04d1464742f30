import { ANYTHING, type OpenMessages } from '../open-messages/open-messages.ts';
import type { PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import { fits, type Refusal } from './broker-refusal.ts';
import type { PublishHistory } from './publish-history.ts';
import type { PublishOutcomes, Reply } from './publish-outcomes.ts';

interface Candidate {
  sequence: number;
  route: Route<PublishTally>;
}

/** Open publishes that the broker can mean, in order. */
export function candidates(open: OpenMessages<PublishTally>, { suspects }: Refusal): Candidate[] {
  const found: Candidate[] = [];
  for (const publish of open) {
    // what came back was not refused
    if (publish.returned) continue;
    const { route, marks, first } = publish;
    const { exchange, routingKey } = route;
    const size = open.sizeOf(publish, 0);
    if (fits(suspects, { exchange, routingKey, size, marks })) found.push({ sequence: first, route });
  }
  return found;
}

/**
 * The broker closed a channel because of a publish (`reply` is that of the close). Exactly one publish is lost by
 * it, and those behind it were discarded: which one is known if it is the only one of which the broker can
 * speak. The rest stays open. Returns how many publishes had certainly been read before it: the number of the last.
 */
export function refused(
  open: OpenMessages<PublishTally>,
  history: PublishHistory,
  outcomes: PublishOutcomes,
  refusal: Refusal,
  reply: Reply,
  now: number,
): number {
  const { reason, suspects } = refusal;
  const found = candidates(open, refusal);
  if (found.length === 0) {
    const route = history.routeOf(refusal);
    if (route !== undefined) outcomes.lostLate(route, reason, '', '', now);
    return 0;
  }
  const [{ sequence, route: first }] = found;
  const isOpen = !history.mayBeUnproven(refusal);
  // the broker refuses the first of that size it sees; an exchange may have been deleted between two
  const isCertain = isOpen && (found.length === 1 || suspects.size !== undefined);
  const keys = new Set(found.map(({ route }) => route.routingKey));
  const routingKey = keys.size === 1 ? first.routingKey : '';
  open.take(sequence, sequence, ANYTHING, (publish) => {
    if (isCertain) outcomes.lost(publish, reason, false, now, reply);
    else outcomes.lostAmong(publish, reason, routingKey, now, reply);
  });
  return isOpen ? sequence - 1 : 0;
}
