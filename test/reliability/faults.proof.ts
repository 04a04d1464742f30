import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RabbitMQ, startRabbitMQ } from '../../testing/rabbitmq.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { until } from '../../testing/wait.ts';
import { proveWith, queueOf, TRANSPORTS } from './prove.ts';

// The sidecar's own faults, which are to prove apps: each is over when it is over.

let broker: RabbitMQ;
beforeAll(async () => {
  broker = await startRabbitMQ({ tls: true });
});
afterAll(() => broker?.stop());

const TOKEN = 'faults';
const CONFIG = `faults: { enabled: true }\nadmin: { token: ${TOKEN} }\n`;

async function inForce({ adminPort }: Tracehare, fault: object): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/api/faults`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...fault, for: '3s' }),
  });
  expect(answer.status, await answer.clone().text()).toBe(201);
}

const PARTITION = { type: 'partition' };
const FAULTS: Record<string, object> = {
  'a partition that cuts what exists': { ...PARTITION, attributes: { existing: 'cut' } },
  'a partition that stalls what exists': { ...PARTITION, attributes: { existing: 'stall' } },
  'a partition towards the broker alone': { ...PARTITION, attributes: { direction: 'upstream' } },
  'a partition towards the apps alone': { ...PARTITION, attributes: { direction: 'downstream' } },
  'handlers that block, until they do no more': { type: 'hold_settlements' },
  'handlers that are slow': { type: 'hold_settlements', toxicity: 0.5, attributes: { latency: 500, jitter: 400 } },
  'confirms that come late': { type: 'hide_confirms' },
  'messages that the broker never gets': { type: 'drop', toxicity: 0.3 },
  'messages that it refuses': { type: 'nack', toxicity: 0.3 },
};

describe.each(TRANSPORTS)('with $name', (transport) => {
  test.each(Object.entries(FAULTS))('%s', (name, fault) =>
    proveWith(
      transport,
      broker,
      queueOf(name, transport.name),
      async (_, sidecar) => {
        await inForce(sidecar, fault);
        const injected = async () => (await sidecar.metrics()).sum('tracehare_faults_injected_total');
        await until(async () => (await injected()) > 0, 'it strikes');
        await sleep(3000);
      },
      { config: CONFIG },
    ),
  );
});
