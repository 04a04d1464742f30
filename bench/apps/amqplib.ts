import { AsyncResource } from 'node:async_hooks';
import { createRequire } from 'node:module';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { resetPeak } from '../../testing/proc.ts';
import { all, defaults, type LoadResult, type LoadSpec, measured } from '../load/load.ts';
import { clear, exchangeOf, prepare, queueOf } from '../load/topology.ts';

// A publisher and a consumer as people write them, with amqplib, and with tracing inside if it is
// asked for. Its own CPU is the figure: `load` in what it prints.

/** Publishes again when there is room for so many. */
const BURST = 100;

const spec: LoadSpec = { ...defaults, ...JSON.parse(process.argv[2] ?? '{}') };
try {
  await prepare(spec);
  for (const pid of [process.pid, ...Object.values(spec.processes)]) resetPeak(pid);
  const shutdown = spec.instrumented ? await trace() : async () => {};
  console.log(JSON.stringify(await run()));
  await shutdown();
  await clear(spec);
} catch (error) {
  console.error(`amqplib apps: ${(error as Error).message}`);
  process.exitCode = 1;
}

/** Before amqplib is loaded. The SDK is set up by OTEL_* variables, as in the apps it is compared for. */
async function trace(): Promise<() => Promise<void>> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  // only where it is installed: no type to check against elsewhere
  const name = '@opentelemetry/instrumentation-amqplib';
  const { AmqplibInstrumentation } = await import(name);
  const sdk = new NodeSDK({
    instrumentations: [new AmqplibInstrumentation()],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}

async function run(): Promise<LoadResult> {
  const { connect } = createRequire(import.meta.url)('amqplib') as {
    connect(url: string, options: object): Promise<ChannelModel>;
  };
  const open = async (): Promise<[ChannelModel, Channel]> => {
    const connection = await connect(`amqp://guest:guest@127.0.0.1:${spec.port}`, { noDelay: true });
    return [connection, await connection.createChannel()];
  };
  const [consuming, consumer] = await open();
  const [publishing, publisher] = await open();
  const body = Buffer.alloc(spec.body, 0x78);
  const noAck = spec.ack === 'auto';
  let [published, consumed, running] = [0, 0, true];
  // in no consumer's context, or all publishes would belong to one endless trace
  const publish = AsyncResource.bind((): void => {
    if (!running || spec.inFlight - (published - consumed) < BURST) return;
    for (let i = 0; i < BURST; i++) publisher.publish(exchangeOf(spec, 0), queueOf(0), body);
    published += BURST;
    // others have their turn between two bursts
    setImmediate(publish);
  });
  if (!noAck) await consumer.prefetch(200);
  await consumer.consume(
    queueOf(0),
    (message: ConsumeMessage | null) => {
      if (message === null) return;
      consumed++;
      if (!noAck) consumer.ack(message);
      if (consumed % BURST === 0) publish();
    },
    { noAck },
  );
  publish();
  const result = await measured(spec, () => consumed);
  running = false;
  await all(published, () => consumed);
  await publishing.close();
  await consuming.close();
  return result;
}
