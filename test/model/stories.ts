import fc from 'fast-check';
import {
  Answers,
  AppAgrees,
  AppClosesChannel,
  AppClosesConnection,
  AppEnds,
  AppOpensChannel,
  type Asked,
  Asks,
  Blocks,
  BrokerAgrees,
  BrokerClosesChannel,
  BrokerClosesConnection,
  CLOSES,
  Confirms,
  Cut,
  Flush,
  type Given,
  type Operation,
  Pass,
  Publishes,
  Returns,
  Slow,
} from './operations.ts';

/** Places of `routesOf`; the last one asks for confirms of the whole channel. */
const PLAIN_ROUTES = [0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 5, 6, 7, 8, 10];
/** Of these a refusal is mostly about several. */
const FEW_ROUTES = [0, 0, 0, 1, 4, 7];
const HELD_ROUTES = [0, 9, 9, 10];
const ALL_ROUTES = [...PLAIN_ROUTES, ...PLAIN_ROUTES, 9];

const given = (routes: number[]): fc.Arbitrary<Given> =>
  fc.record({
    channel: fc.constantFrom(0, 0, 1),
    route: fc.constantFrom(...routes),
    mandatory: fc.constantFrom(false, false, true),
    size: fc.constantFrom(10, 10, 0, 100, 200),
    context: fc.constantFrom('none', 'none', 'unsampled', 'sampled'),
    copied: fc.constantFrom('none', 'none', 'none', 'odd', 'even'),
    table: fc.constantFrom('none', 'empty', 'own'),
    named: fc.boolean(),
    expires: fc.constantFrom(false, false, false, true),
  });
const at = fc.nat(30);
const piece = fc.constantFrom(0, 0, 7, 60);
const asked = fc.constantFrom<Asked[]>(
  'qos',
  'qos',
  'qos',
  'confirm.select',
  'confirm.select nowait',
  'tx.select',
  'tx.commit',
  'tx.commit',
  'tx.rollback',
);

const publishes = (routes: number[]): fc.Arbitrary<Operation> =>
  fc
    .tuple(fc.array(given(routes), { minLength: 1, maxLength: 4 }), piece, fc.boolean())
    .map(([each, piece, later]) => new Publishes(each, piece, later));
const returns = fc.tuple(at, piece).map(([at, piece]) => new Returns(at, piece));
const confirms = fc
  .tuple(at, at, fc.constantFrom('single', 'single', 'multiple', 'all'), fc.boolean())
  .map(([at, tag, how, ack]) => new Confirms(at, tag, how, ack));
const asks = fc.tuple(at, asked).map(([at, what]) => new Asks(at, what));
const answers = at.map((at) => new Answers(at));
const pass = fc.constantFrom(300, 1100).map((ms) => new Pass(ms));
const brokerCloses = fc
  .tuple(at, fc.constantFrom('other', 'frames', 'request', 'exchange', 'access', 'size', 'size', 'expiration'))
  .map(([at, why]) => new BrokerClosesChannel(at, why));
const closings: fc.Arbitrary<Operation>[] = [
  brokerCloses,
  at.map((at) => new AppClosesChannel(at)),
  at.map((at) => new AppAgrees(at)),
  fc.constant(null).map(() => new AppOpensChannel()),
];
const ends: fc.Arbitrary<Operation>[] = [
  fc.constant(null).map(() => new AppClosesConnection()),
  fc.constant(null).map(() => new BrokerAgrees()),
  fc.constantFrom(...CLOSES).map((end) => new BrokerClosesConnection(end)),
  fc.constant(null).map(() => new AppEnds()),
  fc.constantFrom('app', 'broker').map((first) => new Cut(first)),
];
const kernel: fc.Arbitrary<Operation>[] = [
  fc.constant(null).map(() => new Slow()),
  fc.constant(null).map(() => new Flush()),
  fc.constant(null).map(() => new Blocks()),
];

/** So often something happens, next to the other kinds. */
interface Weights {
  publishes: number;
  returns: number;
  confirms: number;
  asks: number;
  answers: number;
  pass: number;
  /** of channels */
  closings: number;
  /** of the connection */
  ends: number;
  kernel: number;
}

const USUAL: Weights = {
  publishes: 16,
  returns: 8,
  confirms: 8,
  asks: 8,
  answers: 8,
  pass: 4,
  closings: 6,
  ends: 2,
  kernel: 2,
};

function operations(
  weights: Weights,
  asks: fc.Arbitrary<Operation>,
  closings: fc.Arbitrary<Operation>,
  routes = ALL_ROUTES,
): fc.Arbitrary<Operation[]> {
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    { weight: weights.publishes, arbitrary: publishes(routes) },
    { weight: weights.returns, arbitrary: returns },
    { weight: weights.confirms, arbitrary: confirms },
    { weight: weights.asks, arbitrary: asks },
    { weight: weights.answers, arbitrary: answers },
    { weight: weights.pass, arbitrary: pass },
    { weight: weights.closings, arbitrary: closings },
    { weight: weights.ends, arbitrary: fc.oneof(...ends) },
    { weight: weights.kernel, arbitrary: fc.oneof(...kernel) },
  );
  return fc.array(operation, { minLength: 8, maxLength: 40, size: 'max' });
}

const anyClosing = fc.oneof(...closings);
const ofTransactions = fc
  .tuple(at, fc.constantFrom<Asked[]>('tx.select', 'tx.commit', 'tx.commit', 'tx.rollback'))
  .map(([at, what]) => new Asks(at, what));
const refusals = fc.oneof({ weight: 2, arbitrary: brokerCloses }, { weight: 1, arbitrary: anyClosing });

/** What waits for confirms that only we await. */
const ofTheApp: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: at.map((at) => new AppClosesChannel(at)) },
  { weight: 1, arbitrary: fc.constant(null).map(() => new AppClosesConnection()) },
  { weight: 1, arbitrary: fc.constant(null).map(() => new AppEnds()) },
  { weight: 1, arbitrary: fc.constant(null).map(() => new AppOpensChannel()) },
);
const ofNothing = at.map((at) => new Asks(at, 'qos'));

/** What happens, in any order: all of it, or mostly what makes one kind of trouble. */
export const stories: fc.Arbitrary<Operation[]> = fc.oneof(
  operations(USUAL, asks, anyClosing),
  operations({ ...USUAL, confirms: 1, asks: 10, answers: 6, closings: 2, ends: 1 }, ofTransactions, anyClosing),
  operations(
    { ...USUAL, confirms: 0, asks: 12, answers: 10, closings: 1, ends: 1 },
    ofNothing,
    anyClosing,
    PLAIN_ROUTES,
  ),
  operations(
    { ...USUAL, returns: 2, confirms: 2, pass: 6, asks: 1, closings: 8, ends: 0 },
    ofNothing,
    refusals,
    FEW_ROUTES,
  ),
  operations({ ...USUAL, returns: 2, asks: 2, closings: 8, ends: 4 }, asks, anyClosing),
  operations(
    { ...USUAL, returns: 1, asks: 1, answers: 2, pass: 1, closings: 10, ends: 0 },
    ofNothing,
    ofTheApp,
    HELD_ROUTES,
  ),
);
