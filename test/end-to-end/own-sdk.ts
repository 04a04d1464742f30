// A plain app with OpenTelemetry's SDK and its instrumentation of amqplib, as its docs say. Publishes
// one message to a queue, or consumes one, and ends once its spans are exported.
// Usage: node own-sdk.ts publish|consume URL QUEUE
import { createRequire } from 'node:module';
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib';
import { NodeSDK } from '@opentelemetry/sdk-node';
import type * as Amqplib from 'amqplib';

const [what, url, queue] = process.argv.slice(2);
const sdk = new NodeSDK({ instrumentations: [new AmqplibInstrumentation()] });
sdk.start();

// only what is required after the start is instrumented
const { connect } = createRequire(import.meta.url)('amqplib') as typeof Amqplib;
const connection = await connect(url);
const channel = await connection.createConfirmChannel();
if (what === 'publish') {
  channel.sendToQueue(queue, Buffer.from('from an app with an SDK'));
  await channel.waitForConfirms();
} else {
  await new Promise<void>((resolve) => {
    channel.consume(queue, (message) => {
      channel.ack(message as Amqplib.ConsumeMessage);
      resolve();
    });
  });
  await channel.checkQueue(queue); // answered after the ack before it
}
await connection.close();
await sdk.shutdown();
