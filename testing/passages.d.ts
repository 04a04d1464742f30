import type { EventListener } from '../src/events/bus.ts';
import type { DeliveryEnded, LifecycleEvent, PublishEnded } from '../src/events/lifecycle.ts';
import { type Passage } from '../src/events/passage.ts';
type Ended = PublishEnded | DeliveryEnded;
/** Words of so many hex digits, zeros where there are none. */
export declare const wordsOf: (hex: string, count: number) => number[];
/** The passage of which `eventOf` would make this event. */
export declare function passageOf(event: Ended): Passage;
/** Tells the event in the way its kind is told. */
export declare function tell(listener: EventListener, event: LifecycleEvent): void;
/** Who hears all as events. */
export declare const hearing: (each: (event: LifecycleEvent) => void) => EventListener;
export {};
