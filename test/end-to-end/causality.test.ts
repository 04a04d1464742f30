import { afterAll, beforeAll, expect, test } from 'vitest';
import { measure } from '../../bench/causality/measure.ts';
import { scenarios } from '../../bench/causality/scenarios.ts';
import type { Tracehare } from '../../testing/tracehare.ts';
import { createVhost, type Vhost } from '../../testing/vhost.ts';
import { Site } from './apps.ts';

const MESSAGES = 60;
/** Where all that an app publishes is known: it can't be otherwise. */
const ALL_KNOWN = /^(one after the other|two queues|concurrently, (message ids|traceparent))/;

let vhost: Vhost;
let site: Site;
let sidecar: Tracehare;

beforeAll(async () => {
  vhost = await createVhost();
  site = new Site(vhost);
  sidecar = await site.sidecar({ env: { OTEL_TRACES_SAMPLER: 'always_on' }, config: 'tracing: { cause: parent }' });
});

afterAll(async () => {
  await site?.stop();
  await vhost?.remove();
});

test.each(
  scenarios.filter(({ pauses }) => !pauses).map((each) => [`${each.name}, prefetch ${each.prefetch}`, each] as const),
)('%s: what is told of causes is true', async (name, scenario) => {
  const { caused, told, right } = await measure(scenario, MESSAGES, {
    broker: vhost.url(),
    sidecar: vhost.url(sidecar.port),
  });
  expect(told - right).toBe(0);
  const isAlone = scenario.prefetch === 1 || scenario.carries !== undefined;
  if (ALL_KNOWN.test(name) && isAlone) expect(right).toBe(caused);
});
