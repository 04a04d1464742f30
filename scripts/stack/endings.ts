import { deepStrictEqual as equal, match, ok } from 'node:assert/strict';
import type { ListedAlert } from '../../testing/alertmanager.ts';
import { Metrics } from '../../testing/metrics.ts';
import { awaited, json, proof } from './proof.ts';
import { SIDECARS, type Stack } from './stack.ts';

/** A sidecar that is stopped, and a broker that is. */
export async function proveEndings(stack: Stack): Promise<void> {
  await proof(
    'SIGTERM: a sidecar drains under load, tells its app by AMQP, and exits with 0 in the time that it is given',
    async () => {
      const began = performance.now();
      await stack.stop('payment-tracehare');
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      const { State } = await stack.inspect('payment-tracehare');
      equal([State.Status, State.ExitCode], ['exited', 0], `${State.Status} with ${State.ExitCode} after ${seconds} s`);
      const told = await stack.logs('payment-tracehare');
      match(told, /"msg":"draining".*"by":"tracehare","code":320/s, told.split('\n').slice(-5).join('\n'));
      return `${seconds} s`;
    },
  );
  await proof('the app comes back when its sidecar does', async () => {
    await stack.start('payment-tracehare');
    await flows(stack);
    return undefined;
  });
  await proveOutage(stack);
}

/** Messages pass both sidecars. */
async function flows(stack: Stack): Promise<void> {
  for (const sidecar of SIDECARS) {
    const messages = async () =>
      new Metrics(await (await fetch(`${stack.url(sidecar, 9673)}/metrics`)).text()).sum('event_throughput_total');
    let first: number | undefined;
    await awaited(
      async () => {
        first ??= await messages();
        return (await messages()) > first + 20;
      },
      `messages pass ${sidecar}`,
      180_000,
    );
  }
}

async function proveOutage(stack: Stack): Promise<void> {
  const alerts = async () =>
    (await json<ListedAlert[]>(`${stack.url('alertmanager', 9093)}/api/v2/alerts`)).map(({ labels, status }) => ({
      name: labels.alertname,
      state: status.state,
      labels,
      status,
    }));
  const told = (all: Awaited<ReturnType<typeof alerts>>) =>
    all.map(({ name, state, labels }) => `${name} ${labels.instance ?? labels.topic ?? ''} ${state}`).join(', ');
  await proof('a broker that is stopped is one alert, and what follows from it is suppressed', async () => {
    await stack.stop('rabbitmq');
    let all = await alerts();
    await awaited(
      async () => {
        all = await alerts();
        const suppressed = all.filter(({ name, state }) => name === 'TracehareUpstreamDown' && state === 'suppressed');
        return suppressed.length === SIDECARS.length && all.every(({ state }) => state !== 'unprocessed');
      },
      () => `both sidecars' own alerts are there and suppressed: ${told(all)}`,
      480_000,
    );
    const active = all.filter(({ state }) => state === 'active').map(({ name }) => name);
    equal(active, ['TracehareBrokerDown'], told(all));
    const [cause] = await json<ListedAlert[]>(
      `${stack.url('alertmanager', 9093)}/api/v2/alerts?filter=alertname%3D%22TracehareBrokerDown%22`,
    );
    for (const { name, state, status } of all)
      if (state === 'suppressed')
        ok(status.inhibitedBy.includes(cause.fingerprint), `${name} is suppressed by another`);
    return told(all);
  });
  await proof('when the broker is back, messages pass again without a restart of anything', async () => {
    await stack.start('rabbitmq');
    await awaited(() => stack.isHealthy('rabbitmq'), 'the broker is healthy again', 300_000);
    await flows(stack);
    for (const service of stack.services)
      equal((await stack.inspect(service)).RestartCount, 0, `${service} was restarted`);
    return undefined;
  });
}
