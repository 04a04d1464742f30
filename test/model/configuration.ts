import type { Mode, Route } from './ledger.ts';

/** Open publishes that a channel may have: few, so that one which is not forgotten is missed soon. */
export const LIMIT = 8;
/** How long an app's closing waits for confirms that only we await. */
export const HOLD_MS = 250;

/** The rules by which the messages of the model are treated, as a user would write them. */
export const CONFIGURATION = `
limits: { windowPerChannel: ${LIMIT} }
loss: { settleOnClose: ${HOLD_MS}ms }
rules:
  - { match: { exchange: traced }, sample: always }
  - { match: { exchange: prices }, loss: { unroutable: expected } }
  - { match: { exchange: audit }, propagate: false }
  - { match: { exchange: feed }, propagate: false, loss: { unroutable: expected } }
  - { match: { exchange: payments }, loss: confirms }
  - { match: { exchange: quiet }, loss: off }
  - { match: { exchange: overflow }, loss: { deadLetters: true } }
`;

/** What they make of each exchange and routing key. */
export function routesOf(loss: Mode): Route[] {
  const route = (exchange: string, key: string, more: Partial<Route> = {}): Route => ({
    exchange,
    key,
    loss,
    expected: false,
    propagates: true,
    traced: false,
    answers: false,
    spared: false,
    ...more,
  });
  return [
    route('orders', 'a'),
    route('orders', 'b'),
    route('', 'jobs'),
    route('traced', 't', { traced: true }),
    route('prices', 'p', { expected: true }),
    route('audit', 'u', { propagates: false }),
    route('feed', 'f', { propagates: false, expected: true }),
    route('quiet', 'q', { loss: 'off' }),
    route('', 'amq.rabbitmq.reply-to.g1', { answers: true }),
    route('payments', 'y', { loss: 'confirms' }),
    route('overflow', 'o', { spared: true }),
  ];
}
