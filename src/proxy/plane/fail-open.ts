import type { OtherEvent } from '../../events/lifecycle.ts';
import type { Passage } from '../../events/passage.ts';
import type { Interceptor } from '../ports/interceptor.ts';
import type { Hop, Observer, Slowness, WatermarkNames } from '../ports/observer.ts';
import type { Sighting } from '../ports/sighting.ts';
import type { Middleware } from './middleware.ts';

/**
 * A failure to observe never becomes a failure to forward (docs/architecture.md#fail-open): everything the data plane
 * calls is wrapped so that it can't throw, and failures are counted.
 */
export function failOpenObserver(observer: Observer): Observer {
  const failed = (): void => {
    try {
      observer.traffic.observerFailed();
    } catch {
      // whoever counts failures fails: there is nobody left to tell
    }
  };
  const asked = <T extends object>(ask: () => T): T => {
    try {
      return failOpen(ask(), failed);
    } catch {
      failed();
      return NOBODY as T;
    }
  };
  const emit = (event: OtherEvent): void => observer.emit(event);
  const ended = (passage: Passage): void => observer.ended(passage);
  const saw = (sighting: Sighting): void => observer.saw(sighting);
  return Object.assign(failOpen({ emit, ended, saw }, failed), {
    traffic: failOpen(observer.traffic, failed),
    publishes: (topic: string, pipeline: string) => asked(() => observer.publishes(topic, pipeline)),
    deliveries: (topic: string, pipeline: string, queue: string) =>
      asked(() => observer.deliveries(topic, pipeline, queue)),
    slowness(topic: string, pipeline: string, queue: string) {
      try {
        return observer.slowness(topic, pipeline, queue);
      } catch {
        failed();
        return NEVER_SLOW;
      }
    },
    hop: (hop: Hop) => asked(() => observer.hop(hop)),
    watermark: (of: WatermarkNames) => asked(() => observer.watermark(of)),
  });
}

const NEVER_SLOW: Slowness = { over: Number.POSITIVE_INFINITY };

/** Does nothing, whatever it is asked. It stands in for a tally whose making threw. */
const NOBODY: object = new Proxy({}, { get: () => () => {} });

type Failing = new (target: object, failed: () => void) => object;

/** By the prototype of what they wrap, or by itself if it has none of its own. */
const classes = new WeakMap<object, Failing>();

/** The same methods, none of which throws or returns anything; `failed` is told of each that would have. */
export function failOpen<T extends object>(target: T, failed: () => void): T {
  const prototype = Object.getPrototypeOf(target);
  const kind = prototype === Object.prototype ? target : prototype;
  let made = classes.get(kind);
  if (made === undefined) {
    made = classOf(target);
    classes.set(kind, made);
  }
  return new made(target, failed) as T;
}

/**
 * A class is made for each kind of target, so that its methods are as quick as if they were written out: a wrapper that
 * looks up what it is to call costs 20 ns a call (docs/broker-facts.md#calls-that-can-not-throw).
 */
function classOf(target: object): Failing {
  const names = new Set<string>();
  for (let each = target; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  const methods = [...names].map(
    (name) => `${name}(a, b, c, d) { try { this.#target.${name}(a, b, c, d); } catch { this.#failed(); } }`,
  );
  // private, so that no method is hidden by a field of its name
  const fields = '#target; #failed; constructor(target, failed) { this.#target = target; this.#failed = failed; }';
  const source = `return class { ${fields} ${methods.join('\n')} };`;
  return new Function(source)();
}

/** One that throws leaves its message to the rules. */
export function failOpenMiddleware(middleware: Middleware, failed: () => void): Middleware {
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
export function failOpenInterceptor(interceptor: Interceptor, failed: () => void): Interceptor {
  return {
    headers: interceptor.headers,
    headersOf(added) {
      try {
        return interceptor.headersOf(added);
      } catch {
        failed();
        return 0;
      }
    },
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
        context.added = 0;
        failed();
      }
    },
    onBarePublish(context, view, at, now) {
      context.traced = false;
      try {
        return interceptor.onBarePublish(context, view, at, now);
      } catch {
        context.traced = false;
        context.added = 0;
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
