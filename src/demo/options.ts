import { parseArgs } from 'node:util';

export interface Options {
  broker: 'embedded' | 'rabbitmq';
  /** a broker that is there already */
  upstream: URL | undefined;
  /** how long it plays; undefined: until it is ended */
  seconds: number | undefined;
}

export const HELP = `Tracehare demo: a broker, three plain apps and a sidecar for each, and what the sidecars see of them.

Usage:
  tracehare demo [--upstream URL | --broker rabbitmq] [--seconds N]

Options:
  --upstream URL     play on a broker that is there: amqp://[user:password@]host[:port][/vhost]
  --broker NAME      embedded: a small broker within the demo, for demos and tests only (default);
                     rabbitmq: the installed RabbitMQ, started for the demo with a folder of its own
  --seconds N        end after N seconds instead of at Ctrl-C

It listens on 127.0.0.1 only, on ports 5673 to 5675 and 9673 to 9675 or on any others that are free. Traces
go where OTEL_EXPORTER_OTLP_ENDPOINT says. Ctrl-C ends all that it started and leaves nothing behind.
`;

/** Throws an Error of one line for what it does not understand. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: { upstream: { type: 'string' }, broker: { type: 'string' }, seconds: { type: 'string' } },
  });
  const { upstream, broker = 'embedded' } = values;
  if (upstream !== undefined && !(/^amqps?:\/\/[^/]/.test(upstream) && URL.canParse(upstream))) {
    throw new Error(`--upstream ${upstream}: no amqp:// or amqps:// address`);
  }
  if (broker !== 'embedded' && broker !== 'rabbitmq') {
    throw new Error(`--broker ${broker}: no such broker; embedded or rabbitmq`);
  }
  if (upstream !== undefined && values.broker !== undefined) {
    throw new Error('--upstream and --broker: give one of them, a broker that is there or one to start');
  }
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) throw new Error(`--seconds ${values.seconds}: no number above 0`);
  return { broker, upstream: upstream === undefined ? undefined : new URL(upstream), seconds };
}
