import { connect } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { bytesFrom, startRecorder } from '../../testing/recorder.ts';
import { startTracehare } from '../../testing/tracehare.ts';
import { createVhost } from '../../testing/vhost.ts';
import { HEADER, split } from '../../testing/wire.ts';
import { checkUpstream, OURS } from './compare.ts';

const FRAME_MAX = 8192;

test('a real broker at frame_max 8192 takes every message: those that ours would make too large pass without', async () => {
  const vhost = await createVhost();
  onTestFinished(() => vhost.remove());
  const atBroker = await startRecorder(vhost.port);
  onTestFinished(() => atBroker.stop());
  const sidecar = await startTracehare({ upstream: `amqp://127.0.0.1:${atBroker.port}`, args: ['--loss', 'off'] });
  onTestFinished(async () => void (await sidecar.stop()));
  const atApp = await startRecorder(sidecar.port);
  onTestFinished(() => atApp.stop());

  const connection = await connect(`${vhost.url(atApp.port)}?frameMax=${FRAME_MAX}`);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const pads = Array.from({ length: OURS + 20 }, (_, i) => 'x'.repeat(FRAME_MAX - OURS - 60 + i));
  for (const pad of pads) channel.publish('', queue, Buffer.from('body'), { headers: { pad } });
  await channel.waitForConfirms();
  let injected = 0;
  for (const pad of pads) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) throw new Error('a message is missing');
    const { headers } = message.properties;
    expect(headers?.pad).toBe(pad);
    if (headers?.traceparent !== undefined && headers['x-tracehare-sent'] !== undefined) injected++;
  }
  await connection.close();

  const written = bytesFrom('app', atApp.captures[0]);
  const sizes = split(written)
    .frames.filter((frame) => frame[0] === HEADER)
    .map((frame) => frame.length);
  const fitting = sizes.filter((size) => size + OURS <= FRAME_MAX).length;
  // both sides of the limit are there, and the limit itself
  expect(sizes).toContain(FRAME_MAX - OURS);
  expect(sizes).toContain(FRAME_MAX - OURS + 1);
  expect(injected).toBe(fitting);
  const passed = split(bytesFrom('app', atBroker.captures[0])).frames;
  expect(Math.max(...passed.map((frame) => frame.length))).toBe(FRAME_MAX);
  const { sent } = checkUpstream(written, bytesFrom('app', atBroker.captures[0]), FRAME_MAX);
  expect(sent).toBe(fitting);
  const metrics = await sidecar.metrics();
  expect(metrics.sum('tracehare_unobserved_total', { reason: 'frame_max' })).toBe(pads.length - fitting);
});
