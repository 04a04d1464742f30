import { workerData } from 'node:worker_threads';
import { Recorder } from '../../src/telemetry/recording/recorder.ts';

const { port, shape, count } = workerData;
const recorder = new Recorder({ ...shape, maxTopics: 500, maxEdges: 1000, idleAfter: 3_600_000, port });
const tally = recorder.publishes('orders', '/');
for (let i = 0; i < count; i++) {
  tally.passed(7);
  tally.confirmed(0.1);
  tally.succeeded(0.1);
}
// Busy for good, as a thread full of traffic is.
for (;;) recorder.traffic.bytes('upstream', 1);
