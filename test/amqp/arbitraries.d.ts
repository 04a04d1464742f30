import fc from 'fast-check';
import type { FieldValue } from '../../src/amqp/fields.ts';
import { type Entry, type Header } from '../../testing/wire.ts';
/** A field as RabbitMQ writes it, and what it means. */
export interface Field {
    type: string;
    /** behind the type octet */
    bytes: Buffer;
    value: FieldValue;
}
/** What an array or table of these means; of equal keys the last counts. */
export declare function meaningOf(pairs: [string, Field][]): FieldValue;
export declare const field: fc.Arbitrary<Field>;
export declare const namedFields: fc.Arbitrary<[string, Field][]>;
export declare const tableOf: (pairs: [string, Field][]) => Buffer;
/** Headers that a ContentHeader is told to look for, in the tests. */
export declare const KNOWN: string[];
export declare const entries: fc.Arbitrary<Entry[]>;
/** Any content header there can be: every combination of properties, further flag words, any table. */
export declare const contentHeader: fc.Arbitrary<Header>;
