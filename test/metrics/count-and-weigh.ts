/** Prints the bytes allocated by counting one message in every way there is, once all is warm. */
import { getHeapStatistics } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import { Recorder } from '../../src/telemetry/recording/recorder.ts';

const MESSAGES = 200_000;
const ROUNDS = 50;
const buckets = [0.001, 0.01, 0.1, 1];
const recorder = new Recorder({
  buckets: { latency: buckets, confirm: buckets, processing: buckets },
  openTelemetryNames: true,
  maxTopics: 500,
  maxEdges: 1000,
  idleAfter: 3_600_000,
  port: new MessageChannel().port1,
});
const publishes = recorder.publishes('orders', '/');
const deliveries = recorder.deliveries('orders', '/', 'billing');
const { traffic } = recorder;

function count(messages: number): void {
  for (let i = 0; i < messages; i++) {
    // Whole: a fraction is boxed by whoever passes it to a call that isn't inlined.
    const seconds = i % 3;
    publishes.passed(i);
    publishes.confirmed(seconds);
    publishes.succeeded(seconds);
    publishes.lost('nacked', seconds);
    publishes.lostLate('unroutable');
    publishes.unknown('connection_lost');
    publishes.unroutedAsExpected();
    publishes.fanout(1 + (i % 2));
    deliveries.passed(i, i % 2 === 0, false);
    deliveries.passed(i, false, i % 2 === 0);
    deliveries.first(seconds);
    deliveries.first(Number.NaN);
    deliveries.unsettled(1);
    deliveries.succeeded(seconds, i % 3 === 0);
    deliveries.failed('rejected', seconds, true);
    deliveries.requeued('nack');
    deliveries.unknown('channel_error');
    deliveries.unsettled(-1);
    traffic.connections(1);
    traffic.bytes('upstream', i);
    traffic.added('downstream', seconds);
    traffic.unobserved('bypass');
  }
}

// On a busy machine the compiler takes its time, and until then numbers are boxed: the least of many rounds.
let least = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS && least >= 1; round++) {
  const before = getHeapStatistics().total_allocated_bytes;
  count(MESSAGES);
  least = Math.min(least, (getHeapStatistics().total_allocated_bytes - before) / MESSAGES);
}
console.log(least);
