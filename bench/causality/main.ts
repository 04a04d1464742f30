import { startRabbitMQ } from '../../testing/rabbitmq.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { measure } from './measure.ts';
import { scenarios } from './scenarios.ts';

// How much of what apps publish is known to come of what they handle, and whether that is true, as docs/tracing.md has
// it. Build first.
//   node bench/causality/main.ts [messages]

const messages = Number(process.argv[2] ?? 1000);
const broker = await startRabbitMQ();
const sidecar = await startTracehare({
  upstream: `amqp://127.0.0.1:${broker.port}`,
  config: 'tracing: { cause: parent }',
  env: { OTEL_TRACES_SAMPLER: 'always_on' },
});
const url = (port: number): string => `amqp://guest:guest@127.0.0.1:${port}/`;
console.log('| the app handles messages | prefetch | precision | recall |');
console.log('| --- | --- | --- | --- |');
try {
  for (const scenario of scenarios) {
    const { caused, told, right } = await measure(scenario, messages, {
      broker: url(broker.port),
      sidecar: url(sidecar.port),
    });
    const precision = told === 0 ? '–' : (right / told).toFixed(4);
    console.log(`| ${scenario.name} | ${scenario.prefetch} | ${precision} | ${(right / caused).toFixed(3)} |`);
  }
} finally {
  await sidecar.stop();
  await broker.stop();
}
