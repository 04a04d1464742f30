import { deepStrictEqual as equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { files } from '../../test/docs/pages.ts';
import { ROOT } from './images.ts';
import { awaited, json, proof } from './proof.ts';
import type { Stack } from './stack.ts';

const MINUTES = 60_000;

/** Everything is up, and everything sees everything it has to see. */
export async function proveRunning(stack: Stack): Promise<void> {
  const { services } = stack;
  await proof('every service runs, and is healthy by its own health check', async () => {
    let waiting = services;
    await awaited(
      async () => {
        const healthy = await Promise.all(waiting.map((each) => stack.isHealthy(each)));
        waiting = waiting.filter((_, index) => !healthy[index]);
        return waiting.length === 0;
      },
      () => `these are healthy too: ${waiting.join(', ')}`,
      10 * MINUTES,
    );
    return services.join(', ');
  });

  const prometheus = stack.url('prometheus', 9090);
  interface Target {
    labels: Record<string, string>;
    health: string;
    lastError: string;
  }
  await proof('every target of Prometheus is up', async () => {
    const targets = async () =>
      (await json<{ data: { activeTargets: Target[] } }>(`${prometheus}/api/v1/targets`)).data.activeTargets;
    let found: Target[] = [];
    await awaited(
      async () => {
        found = await targets();
        return found.length === 3 && found.every(({ health }) => health === 'up');
      },
      () => found.map(({ labels, health, lastError }) => `${labels.instance} is ${health} ${lastError}`).join('\n'),
      2 * MINUTES,
    );
    return found.map(({ labels }) => labels.instance).join(', ');
  });

  await proof('Prometheus has loaded every rule there is, and none fails', async () => {
    interface Rule {
      health: string;
      name: string;
      lastError?: string;
    }
    const asked = async () => {
      const { data } = await json<{ data: { groups: { rules: Rule[] }[] } }>(`${prometheus}/api/v1/rules`);
      return data.groups.flatMap(({ rules }) => rules);
    };
    const written = files('dashboards/prometheus/rules/*.yml').flatMap((file) =>
      parse(readFileSync(join(ROOT, file), 'utf8')).groups.flatMap(
        (group: { rules: { alert?: string; record: string }[] }) =>
          group.rules.map(({ alert, record }) => alert ?? record),
      ),
    );
    let rules: Rule[] = [];
    await awaited(
      async () => {
        rules = await asked();
        return rules.every(({ health }) => health === 'ok');
      },
      () =>
        rules
          .filter(({ health }) => health !== 'ok')
          .map(({ name, lastError }) => `${name}: ${lastError}`)
          .join('\n'),
      MINUTES,
    );
    equal(rules.map(({ name }) => name).sort(), written.sort());
    return `${rules.length} rules`;
  });

  await proof('Prometheus has its Alertmanager', async () => {
    const { data } = await json<{ data: { activeAlertmanagers: { url: string }[] } }>(
      `${prometheus}/api/v1/alertmanagers`,
    );
    equal(
      data.activeAlertmanagers.map(({ url }) => new URL(url).host),
      ['alertmanager:9093'],
    );
    const { config } = await json<{ config: { original: string } }>(`${stack.url('alertmanager', 9093)}/api/v2/status`);
    ok(config.original.includes('TracehareBrokerDown'), 'it has not the configuration of dashboards/');
    return undefined;
  });
}
