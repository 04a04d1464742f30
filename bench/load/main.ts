import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { app } from '../../testing/peer-frames.ts';
import { resetPeak } from '../../testing/proc.ts';
import { Client } from './client.ts';
import { encode, Pair } from './closed.ts';
import { all, defaults, type LoadResult, type LoadSpec, measured, percentiles } from './load.ts';
import type { OpenStart } from './open.ts';
import { clear, exchangeOf, pairsOf, prepare, queueOf } from './topology.ts';

// The load generator: one load on one path, in a process of its own.
//   node bench/load/main.ts '{"port":5673,"brokerPort":5672,"seconds":3}'

/** Connections that are opened at the same time. */
const OPENING = 32;

async function closedLoop(spec: LoadSpec): Promise<LoadResult> {
  const pairs = Array.from({ length: pairsOf(spec) }, (_, i) => new Pair(spec, i, encode(spec, i)));
  const failure = Promise.withResolvers<never>();
  for (let i = 0; i < pairs.length; i += OPENING) {
    await Promise.all(pairs.slice(i, i + OPENING).map((pair) => pair.open(failure.reject)));
  }
  for (const pair of pairs) pair.start();
  const consumed = (): number => pairs.reduce((sum, pair) => sum + pair.consumed, 0);
  const result = await Promise.race([measured(spec, consumed), failure.promise]);
  for (const pair of pairs) pair.stop();
  const published = pairs.reduce((sum, pair) => sum + pair.published, 0);
  await all(published, consumed);
  await Promise.all(pairs.map((pair) => pair.close()));
  return result;
}

async function openLoop(spec: LoadSpec): Promise<LoadResult> {
  const count = Math.round(spec.rate * (spec.warmup + spec.seconds));
  const latencies = new Float64Array(count);
  let consumed = 0;
  const consumer = await new Client(spec.port, true).open();
  consumer.incoming = {
    delivered(buf, start) {
      latencies[consumed++] = Number(process.hrtime.bigint()) - buf.readDoubleBE(start);
    },
  };
  await consumer.call(app.consume(queueOf(0), 'bench', spec.ack === 'auto'), 60, 21);
  const start = Number(process.hrtime.bigint()) + 0.5e9;
  const publisher = new Worker(new URL('./open.ts', import.meta.url), {
    workerData: { spec, start, count } satisfies OpenStart,
  });
  const failure = Promise.withResolvers<never>();
  publisher.on('error', failure.reject);
  consumer.onError(failure.reject);
  const late = new Promise<Float64Array>((resolve) => {
    publisher.on('message', (message) => {
      if (message !== 'open') resolve(message.late);
    });
  });
  const finished = async (): Promise<LoadResult> => {
    await pause((start - Number(process.hrtime.bigint())) / 1e6);
    const result = await measured(spec, () => consumed);
    const sent = await late;
    await all(count, () => consumed);
    const from = Math.round(spec.rate * spec.warmup);
    return { ...result, latency: percentiles(latencies.slice(from)), late: percentiles(sent.slice(from)) };
  };
  const result = await Promise.race([finished(), failure.promise]);
  await consumer.close();
  publisher.postMessage('close');
  await new Promise((resolve) => publisher.once('exit', resolve));
  return result;
}

const spec: LoadSpec = { ...defaults, ...JSON.parse(process.argv[2] ?? '{}') };
try {
  await prepare(spec);
  for (const pid of Object.values(spec.processes)) resetPeak(pid);
  const result = spec.rate > 0 ? await openLoop(spec) : await closedLoop(spec);
  await clear(spec);
  console.log(JSON.stringify(result));
} catch (error) {
  console.error(`load: ${(error as Error).message}, to ${exchangeOf(spec, 0)} on port ${spec.port}`);
  process.exitCode = 1;
}
