import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publish, RawClient, request } from '../../testing/raw-client.ts';
import { until } from '../../testing/wait.ts';
import { isMethod, split } from '../../testing/wire.ts';
import { random } from '../truth/bodies.ts';
import { rulesOf, type Site, startSite } from './site.ts';

const CHANNELS = 3;
const MESSAGES = 60;

const faults = {
  mixed: [
    '{ type: latency, toxicity: 0.3, attributes: { latency: 5ms, jitter: 5ms } }',
    '{ type: bandwidth, toxicity: 0.5, attributes: { rate: 5000 } }',
    '{ type: drop, toxicity: 0.2 }',
    '{ type: duplicate, toxicity: 0.2 }',
    '{ type: reorder, toxicity: 0.2, attributes: { wait: 5ms } }',
  ].join(', '),
};

let site: Site;
beforeAll(async () => {
  site = await startSite(['mixed'], rulesOf(faults));
});
afterAll(() => site?.stop());

test('frames of several channels, in pieces of any size: each message whole, each confirm its own', async () => {
  const draw = random(7);
  const client = await RawClient.open({ port: site.sidecar.port, vhost: site.vhost.name }, CHANNELS);
  const bodies = new Map<string, string>();
  const queues: Buffer[][] = [];
  for (let id = 1; id <= CHANNELS; id++) {
    await client.call(request.confirmSelect(id), 85, 11);
    const frames: Buffer[] = [];
    for (let tag = 1; tag <= MESSAGES; tag++) {
      // some are several frames long, some empty but for their name
      const body = `${id}.${tag}|${String.fromCharCode(97 + (tag % 26)).repeat(tag % 20 === 0 ? 200_000 : tag * 13)}`;
      bodies.set(`${id}.${tag}`, body);
      frames.push(...split(publish(id, { exchange: '', key: 'mixed', body })).frames);
    }
    queues.push(frames);
  }
  const wire: Buffer[] = [];
  while (queues.some((frames) => frames.length > 0)) {
    const frame = queues[Math.floor(draw() * CHANNELS)].shift();
    if (frame !== undefined) wire.push(frame);
  }
  const bytes = Buffer.concat(wire);
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(draw() * (draw() < 0.5 ? 50 : 20_000));
    client.send(bytes.subarray(at, at + size));
    at += size;
    await turn();
  }

  const answers = new Map<string, string>();
  await until(
    () => {
      for (const frame of client.frames.splice(0)) {
        const ack = isMethod(frame, 60, 80);
        expect(ack || isMethod(frame, 60, 120), frame.toString('latin1')).toBe(true);
        const channel = frame.readUInt16BE(1);
        const last = Number(frame.readBigUInt64BE(11));
        const first = (frame[19] & 1) === 1 ? 1 : last;
        for (let tag = first; tag <= last; tag++) {
          const name = `${channel}.${tag}`;
          // `multiple` covers those answered before; one by itself comes once
          if (first === last) expect(answers.has(name), name).toBe(false);
          if (!answers.has(name)) answers.set(name, ack ? 'ack' : 'nack');
        }
      }
      return answers.size === CHANNELS * MESSAGES;
    },
    () => `${CHANNELS * MESSAGES} confirms come; ${answers.size} did`,
  );
  await client.close();

  const stored = await site.stored('mixed');
  for (const body of stored) expect(body).toBe(bodies.get(body.slice(0, body.indexOf('|'))));
  const names = new Set(stored.map((body) => body.slice(0, body.indexOf('|'))));
  const acked = [...answers].filter(([, answer]) => answer === 'ack').map(([name]) => name);
  expect([...names].toSorted()).toEqual(acked.toSorted());
  expect(stored.length).toBeGreaterThan(names.size);
  expect(await site.outcomes('mixed', CHANNELS * MESSAGES)).toEqual({
    success: acked.length,
    fault: CHANNELS * MESSAGES - acked.length,
    unknown: 0,
  });
  expect((await site.sidecar.metrics()).sum('tracehare_unobserved_total')).toBe(0);
});
