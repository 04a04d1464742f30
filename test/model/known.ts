import {
  Answers,
  AppClosesChannel,
  Asks,
  BrokerClosesChannel,
  BrokerClosesConnection,
  CLOSES,
  Confirms,
  Cut,
  type Given,
  type Operation,
  Pass,
  Publishes,
  Returns,
} from './operations.ts';

// Stories that chance tells too rarely, each about something that went wrong once or was seen to go unnoticed.

const message = (given: Partial<Given> = {}): Given => ({
  channel: 0,
  route: 0,
  mandatory: false,
  size: 10,
  context: 'none',
  copied: 'none',
  table: 'none',
  named: true,
  expires: false,
  ...given,
});
const publishes = (...messages: Partial<Given>[]): Operation => new Publishes(messages.map(message), 0, false);
const asked = { mandatory: true };
const large = { ...asked, size: 200 };
const sampled = { ...asked, context: 'sampled' } as const;
const unasked = { route: 7 };

export const KNOWN: Operation[][] = [
  // a reply ends what came before its request, of those that were read at one time too
  [publishes(asked, asked), new Asks(0, 'qos'), publishes(asked, asked), new Answers(0), new Cut('app')],
  [publishes(asked), new Asks(0, 'qos'), publishes(asked), new Answers(0), new Returns(1, 0), new Returns(0, 0)],
  // the last one before the app's own confirm.select
  [publishes({}), new Asks(0, 'confirm.select nowait'), publishes({}), new Confirms(0, 0, 'single', true)],
  [publishes({}), new Asks(0, 'confirm.select nowait'), new AppClosesChannel(0), new Confirms(0, 0, 'single', true)],
  [publishes(sampled), new Asks(0, 'confirm.select nowait'), publishes({}), new Confirms(0, 0, 'multiple', false)],
  // returned, and then no confirm
  [new Asks(0, 'confirm.select nowait'), publishes(asked), new Returns(0, 0), new Cut('broker')],
  [
    new Asks(0, 'confirm.select nowait'),
    publishes(large, large),
    new Returns(0, 0),
    new BrokerClosesChannel(0, 'size'),
  ],
  // late, where nothing of ours says who asked: the app, by its own headers and some other message
  [publishes({ ...asked, route: 5, copied: 'odd' }), new Pass(1100), new Returns(0, 0)],
  [publishes({ ...asked, route: 4 }), new Pass(1100), new Returns(0, 0)],
  // what the broker refuses may be one that counted as a success
  [publishes(asked), new Pass(1100), publishes(asked), new BrokerClosesChannel(0, 'exchange')],
  [publishes(sampled), new Pass(1100), publishes(asked), new BrokerClosesChannel(0, 'exchange')],
  [publishes(asked, large), new Pass(1100), publishes(large), new BrokerClosesChannel(0, 'size')],
  [publishes({ ...unasked, size: 200 }, unasked), publishes(large), new BrokerClosesChannel(0, 'size')],
  [publishes(asked, large, large), new BrokerClosesChannel(1, 'size')],
  // it names basic.publish, and refuses none
  [publishes(asked), new BrokerClosesChannel(0, 'frames')],
  ...CLOSES.map((end) => [publishes(asked), new BrokerClosesConnection(end)]),
  // in transactions
  [
    new Asks(0, 'tx.select'),
    publishes(asked),
    new Asks(0, 'tx.commit'),
    new Returns(0, 0),
    new Answers(0),
    new Answers(0),
  ],
  [
    new Asks(0, 'tx.select'),
    publishes(asked),
    new Asks(0, 'tx.rollback'),
    publishes(asked),
    new Answers(0),
    new Answers(0),
    new Asks(0, 'tx.commit'),
    new Answers(0),
  ],
  [new Asks(0, 'tx.select'), publishes(sampled), new Asks(0, 'tx.commit'), publishes(sampled), new Cut('app')],
  // closes that wait leave in their order
  [
    publishes({}, { channel: 1 }),
    new AppClosesChannel(0),
    new AppClosesChannel(0),
    new Confirms(1, 0, 'multiple', true),
  ],
];
