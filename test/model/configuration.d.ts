import type { Mode, Route } from './ledger.ts';
/** Open publishes that a channel may have: few, so that one which is not forgotten is missed soon. */
export declare const LIMIT = 8;
/** How long an app's closing waits for confirms that only we await. */
export declare const HOLD_MS = 250;
/** The rules by which the messages of the model are treated, as a user would write them. */
export declare const CONFIGURATION = "\nlimits: { windowPerChannel: 8 }\nloss: { settleOnClose: 250ms }\nrules:\n  - { match: { exchange: traced }, sample: always }\n  - { match: { exchange: prices }, loss: { unroutable: expected } }\n  - { match: { exchange: audit }, propagate: false }\n  - { match: { exchange: feed }, propagate: false, loss: { unroutable: expected } }\n  - { match: { exchange: payments }, loss: confirms }\n  - { match: { exchange: quiet }, loss: off }\n  - { match: { exchange: overflow }, loss: { deadLetters: true } }\n";
/** What they make of each exchange and routing key. */
export declare function routesOf(loss: Mode): Route[];
