import { readlinkSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { added, publish } from '../../testing/peer-frames.ts';
import { Client } from './client.ts';
import type { LoadSpec } from './load.ts';
import { exchangeOf, queueOf } from './topology.ts';

// A publisher on a fixed schedule, in a thread of its own: it sleeps until each message is due and
// writes it at once, so nothing that the consumer does can make it late. What it could not send in
// time counts from when it should have been sent: no coordinated omission.

/** Buffers in use by the socket are not written over for as long as this many follow. */
const BUFFERS = 4096;
/** Waking takes about this long, in nanoseconds; the rest is spun away. */
const WAKE_NS = 30_000;

export interface OpenStart {
  spec: LoadSpec;
  /** nanoseconds of the monotonic clock at which message 0 is due */
  start: number;
  count: number;
}

const now = (): number => Number(process.hrtime.bigint());

async function run({ spec, start, count }: OpenStart): Promise<void> {
  // sleep for as long as asked, not up to 50 µs longer
  try {
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
    writeFileSync(`/proc/${thread}/timerslack_ns`, '1');
  } catch {
    // its lateness is reported
  }
  const message = (topic: number): Buffer =>
    publish({ exchange: exchangeOf(spec, topic), routingKey: queueOf(0), body: spec.body, ...added[spec.adds] });
  const buffers = Array.from({ length: BUFFERS }, (_, i) => message(i % spec.topics));
  const stampAt = buffers[0].length - 1 - spec.body;
  const client = await new Client(spec.port, false).open();
  client.onError((error) => {
    throw error;
  });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const late = new Float64Array(count);
  parentPort?.postMessage('open');
  for (let i = 0; i < count; i++) {
    const due = start + (i * 1e9) / spec.rate;
    const early = due - now() - WAKE_NS;
    if (early > 0) Atomics.wait(sleeper, 0, 0, early / 1e6);
    let sent = now();
    while (sent < due) sent = now();
    const buffer = buffers[i % BUFFERS];
    buffer.writeDoubleBE(due, stampAt);
    client.socket.write(buffer);
    late[i] = sent - due;
    if (i % 32 === 0 || client.socket.writableLength > 0) await turn();
  }
  parentPort?.postMessage({ late });
  parentPort?.once('message', () => client.close());
}

if (parentPort !== null) await run(workerData as OpenStart);
