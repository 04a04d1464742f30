import fc from 'fast-check';
import type { LoadedPlugin } from '../../src/plugins/load.ts';
/** A rule as the file has it. */
export interface RuleText {
    match: Record<string, unknown>;
    [action: string]: unknown;
}
/** Who the app says it is: what rules by app and connection, and loss.exempt, go by. */
export declare const client: {
    product: string;
    connectionName: string;
    user: string;
};
/** Each fits some messages of the stream (scanning-frames.ts), or none of them on purpose. */
export declare const matches: readonly RuleText['match'][];
export declare const actions: readonly Record<string, unknown>[];
/** Every action on all that it can be done to, and every match, with something that shows. */
export declare const singleRules: readonly RuleText[];
/** What else of the configuration messages depend on, by the names of its settings: two values at least. */
export declare const settings: Readonly<Record<string, readonly unknown[]>>;
/** Settings, or whole sections of them, of which no message on the wire knows. */
export declare const notOfMessages: readonly string[];
export interface Scenery {
    rules: readonly RuleText[];
    settings: Readonly<Record<string, unknown>>;
}
/** The text of the configuration file: JSON is YAML too. */
export declare function fileOf({ rules, settings }: Scenery): string;
export declare const sceneries: fc.Arbitrary<Scenery>;
/** As the rest of a test needs it: nothing special but what `rules` say. */
export declare const plainly: (rules: readonly RuleText[], given?: Record<string, unknown>) => Scenery;
export declare const plugins: Readonly<Record<string, readonly LoadedPlugin[]>>;
export declare const samplers: (string | undefined)[];
