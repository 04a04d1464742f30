import fc from 'fast-check';
import { type Operation } from './operations.ts';
/** What happens, in any order: all of it, or mostly what makes one kind of trouble. */
export declare const stories: fc.Arbitrary<Operation[]>;
