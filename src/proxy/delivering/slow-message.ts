import type { DeliveryTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';

/** A message took so long that it is slow. `slowAfter`: as configured for all, NaN: by the past of its route. */
export function isOver(seconds: number, { slowness }: Route<DeliveryTally>, slowAfter: number): boolean {
  return Number.isNaN(slowAfter) ? seconds > slowness.over : seconds > slowAfter;
}
