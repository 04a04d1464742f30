import type { DeliveryEnded } from '../../src/events/lifecycle.ts';
import { type Told } from './deliver-ledger.ts';
/** One line a series that is not 0, sorted. */
export declare function linesOf(counts: Iterable<[string, number]>): string[];
export declare function counted(text: string): string[];
/** Recognises ids that are made up on the way: each must be new. */
export declare class Ids {
    #private;
    fresh(id: string, digits: number): string;
}
/** Both as lines that are equal if what was told is what should be. */
export declare function compared(events: DeliveryEnded[], expected: Told[], start: number, ids: Ids): {
    told: string[];
    expected: string[];
};
