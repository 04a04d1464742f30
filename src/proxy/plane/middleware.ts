import type { ContentHeader } from '../../amqp/content.ts';
import type { TraceContext } from '../ports/interceptor.ts';
import type { DeliveryTally, PublishTally } from '../ports/observer.ts';
import type { Route } from '../routing/routes.ts';
import type { HeaderChange } from '../routing/treatment.ts';
import type { Scope } from './plane.ts';

/**
 * Code of the user's, asked about each message before the interceptor: synchronous. One that throws is
 * counted and the message passes as without it.
 * May set `context.ratio`; the header is to be read, not kept.
 */
export interface Middleware {
  /** What is done to its headers, in place of what the route's treatment says; undefined: nothing. */
  onPublish(
    header: ContentHeader,
    route: Route<PublishTally>,
    scope: Scope,
    context: TraceContext,
  ): HeaderChange | undefined;
  onDeliver(
    header: ContentHeader,
    route: Route<DeliveryTally>,
    scope: Scope,
    context: TraceContext,
    redelivered: boolean,
  ): void;
}
