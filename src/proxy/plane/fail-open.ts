import type { Interceptor } from '../ports/interceptor.ts';
import type { Middleware } from '../ports/middleware.ts';
import type {
  DeliveryTally,
  HopTally,
  LossReason,
  Observer,
  PublishTally,
  RequeueReason,
  TrafficTally,
  UnknownReason,
} from '../ports/observer.ts';

/**
 * A failure to observe never becomes a failure to forward (docs/architecture.md#fail-open): everything
 * the data plane calls is wrapped so that it can't throw, and failures are counted. Written out method by
 * method for what is called with every message: a generic wrapper costs 20 ns a call
 * (docs/broker-facts.md#calls-that-can-not-throw).
 */
export function guardedObserver(observer: Observer): Observer {
  const failed = (): void => {
    try {
      observer.traffic.observerFailed();
    } catch {
      // whoever counts failures fails: there is nobody left to tell
    }
  };
  const traffic = guardedTraffic(observer.traffic, failed);
  return {
    traffic,
    publishes(topic, pipeline) {
      try {
        return new GuardedPublishes(observer.publishes(topic, pipeline), failed);
      } catch {
        failed();
        return NO_PUBLISHES;
      }
    },
    deliveries(topic, pipeline, queue) {
      try {
        return new GuardedDeliveries(observer.deliveries(topic, pipeline, queue), failed);
      } catch {
        failed();
        return NO_DELIVERIES;
      }
    },
    hop(hop) {
      try {
        return new GuardedHop(observer.hop(hop), failed);
      } catch {
        failed();
        return NO_HOP;
      }
    },
    emit(event) {
      try {
        observer.emit(event);
      } catch {
        failed();
      }
    },
    ended(passage) {
      try {
        observer.ended(passage);
      } catch {
        failed();
      }
    },
  };
}

class GuardedPublishes implements PublishTally {
  readonly #tally: PublishTally;
  readonly #failed: () => void;

  constructor(tally: PublishTally, failed: () => void) {
    this.#tally = tally;
    this.#failed = failed;
  }

  passed(bodyBytes: number, count?: number): void {
    try {
      this.#tally.passed(bodyBytes, count);
    } catch {
      this.#failed();
    }
  }

  succeeded(seconds: number, count?: number): void {
    try {
      this.#tally.succeeded(seconds, count);
    } catch {
      this.#failed();
    }
  }

  lost(reason: LossReason, seconds: number): void {
    try {
      this.#tally.lost(reason, seconds);
    } catch {
      this.#failed();
    }
  }

  spared(seconds: number): void {
    try {
      this.#tally.spared(seconds);
    } catch {
      this.#failed();
    }
  }

  lostLate(reason: LossReason): void {
    try {
      this.#tally.lostLate(reason);
    } catch {
      this.#failed();
    }
  }

  unknown(reason: UnknownReason, count?: number): void {
    try {
      this.#tally.unknown(reason, count);
    } catch {
      this.#failed();
    }
  }

  confirmed(seconds: number, count?: number): void {
    try {
      this.#tally.confirmed(seconds, count);
    } catch {
      this.#failed();
    }
  }

  unroutedAsExpected(): void {
    try {
      this.#tally.unroutedAsExpected();
    } catch {
      this.#failed();
    }
  }

  fanout(deliveries: number): void {
    try {
      this.#tally.fanout(deliveries);
    } catch {
      this.#failed();
    }
  }

  overRate(): void {
    try {
      this.#tally.overRate();
    } catch {
      this.#failed();
    }
  }

  heldBack(seconds: number): void {
    try {
      this.#tally.heldBack(seconds);
    } catch {
      this.#failed();
    }
  }
}

class GuardedDeliveries implements DeliveryTally {
  readonly #tally: DeliveryTally;
  readonly #failed: () => void;

  constructor(tally: DeliveryTally, failed: () => void) {
    this.#tally = tally;
    this.#failed = failed;
  }

  passed(bodyBytes: number, redelivered: boolean, get: boolean, count?: number): void {
    try {
      this.#tally.passed(bodyBytes, redelivered, get, count);
    } catch {
      this.#failed();
    }
  }

  first(seconds: number, count?: number): void {
    try {
      this.#tally.first(seconds, count);
    } catch {
      this.#failed();
    }
  }

  succeeded(seconds: number, autoAck: boolean, count?: number): void {
    try {
      this.#tally.succeeded(seconds, autoAck, count);
    } catch {
      this.#failed();
    }
  }

  failed(reason: LossReason, seconds: number, lost: boolean): void {
    try {
      this.#tally.failed(reason, seconds, lost);
    } catch {
      this.#failed();
    }
  }

  requeued(reason: RequeueReason, count?: number): void {
    try {
      this.#tally.requeued(reason, count);
    } catch {
      this.#failed();
    }
  }

  unknown(reason: UnknownReason, count?: number): void {
    try {
      this.#tally.unknown(reason, count);
    } catch {
      this.#failed();
    }
  }

  deadLettered(fromQueue: string, reason: string): void {
    try {
      this.#tally.deadLettered(fromQueue, reason);
    } catch {
      this.#failed();
    }
  }

  unsettled(change: number): void {
    try {
      this.#tally.unsettled(change);
    } catch {
      this.#failed();
    }
  }

  overRate(): void {
    try {
      this.#tally.overRate();
    } catch {
      this.#failed();
    }
  }

  heldBack(seconds: number): void {
    try {
      this.#tally.heldBack(seconds);
    } catch {
      this.#failed();
    }
  }
}

class GuardedHop implements HopTally {
  readonly #tally: HopTally;
  readonly #failed: () => void;

  constructor(tally: HopTally, failed: () => void) {
    this.#tally = tally;
    this.#failed = failed;
  }

  passed(redelivered: boolean, count?: number): void {
    try {
      this.#tally.passed(redelivered, count);
    } catch {
      this.#failed();
    }
  }

  lost(): void {
    try {
      this.#tally.lost();
    } catch {
      this.#failed();
    }
  }
}

const nothing = (): void => {};

/** Where routes count whose tally could not be had. */
const NO_PUBLISHES: PublishTally = {
  passed: nothing,
  succeeded: nothing,
  lost: nothing,
  spared: nothing,
  lostLate: nothing,
  unknown: nothing,
  confirmed: nothing,
  unroutedAsExpected: nothing,
  fanout: nothing,
  overRate: nothing,
  heldBack: nothing,
};
const NO_DELIVERIES: DeliveryTally = {
  passed: nothing,
  first: nothing,
  succeeded: nothing,
  failed: nothing,
  requeued: nothing,
  unknown: nothing,
  deadLettered: nothing,
  unsettled: nothing,
  overRate: nothing,
  heldBack: nothing,
};
const NO_HOP: HopTally = { passed: nothing, lost: nothing };

type Call = (a?: unknown, b?: unknown) => void;

/** Called once a chunk or less: a generic wrapper will do. */
function guardedTraffic(traffic: TrafficTally, failed: () => void): TrafficTally {
  const names = [
    'connections',
    'bypassed',
    'connectionClosed',
    'connectionRefused',
    'channels',
    'upstreamUp',
    'bytes',
    'added',
    'blocked',
    'unobserved',
    'observerFailed',
    'negativeLatency',
    'implausibleStamp',
    'clockReanchored',
    'shadowConflict',
    'faultInjected',
  ] as const satisfies readonly (keyof TrafficTally)[];
  const guard: Partial<Record<keyof TrafficTally, Call>> = {};
  for (const name of names) {
    guard[name] = (a, b) => {
      try {
        (traffic[name] as Call).call(traffic, a, b);
      } catch {
        failed();
      }
    };
  }
  return guard as Record<(typeof names)[number], Call>;
}

/** One that throws leaves its message to the rules. */
export function guardedMiddleware(middleware: Middleware, failed: () => void): Middleware {
  return {
    onPublish(header, route, scope, context) {
      try {
        return middleware.onPublish(header, route, scope, context);
      } catch {
        failed();
        return route.treatment.headers;
      }
    },
    onDeliver(header, route, scope, context, redelivered) {
      try {
        middleware.onDeliver(header, route, scope, context, redelivered);
      } catch {
        failed();
      }
    },
  };
}

/** An interceptor that throws leaves its message untouched. */
export function guardedInterceptor(interceptor: Interceptor, failed: () => void): Interceptor {
  return {
    readContext(header, context) {
      context.traced = false;
      try {
        interceptor.readContext(header, context);
      } catch {
        context.traced = false;
        failed();
      }
    },
    onPublish(header, context, edit, now) {
      const { added, remove } = edit;
      context.traced = false;
      try {
        interceptor.onPublish(header, context, edit, now);
      } catch {
        edit.added = added;
        edit.remove = remove;
        context.traced = false;
        failed();
      }
    },
    onBarePublish(context, view, at, now) {
      context.traced = false;
      try {
        return interceptor.onBarePublish(context, view, at, now);
      } catch {
        context.traced = false;
        failed();
        return 0;
      }
    },
    onDeliver(header, context, autoAck, now) {
      context.traced = false;
      try {
        interceptor.onDeliver(header, context, autoAck, now);
      } catch {
        context.traced = false;
        failed();
      }
    },
  };
}
