import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { end, ended, signal, start } from './processes.ts';
import { until } from './wait.ts';

/** An alert as Alertmanager's API v2 lists it. */
export interface ListedAlert {
  fingerprint: string;
  labels: Record<string, string>;
  status: { state: 'active' | 'suppressed' | 'unprocessed'; inhibitedBy: string[] };
}

export interface Alertmanager {
  /** `host:port` */
  address: string;
  alerts(): Promise<ListedAlert[]>;
  /** Raises alerts with these labels. */
  post(labels: Record<string, string>[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts Debian's Alertmanager, alone, with its data in a private folder. `config`: text of its YAML file. */
export async function startAlertmanager(config: string): Promise<Alertmanager> {
  const folder = temporaryFolder('alertmanager');
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder.path, 'alertmanager.yml');
  writeFileSync(file, config);
  const output = join(folder.path, 'output');
  const outputFd = openSync(output, 'w');
  const child = start(
    'prometheus-alertmanager',
    [
      `--config.file=${file}`,
      `--storage.path=${join(folder.path, 'data')}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', outputFd, outputFd] },
  );
  closeSync(outputFd);
  async function stop(): Promise<void> {
    signal(child, 'SIGKILL');
    await end(child);
    folder.remove();
  }
  try {
    await until(
      async () => ended(child) || (await fetch(`http://${address}/-/ready`)).ok,
      () => `Alertmanager is ready:\n${readFileSync(output, 'utf8')}`,
    );
    if (ended(child)) throw new Error(`Alertmanager did not start:\n${readFileSync(output, 'utf8')}`);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://${address}/api/v2/alerts`;
  return {
    address,
    alerts: async () => (await (await fetch(url)).json()) as ListedAlert[],
    async post(labels) {
      const body = JSON.stringify(labels.map((each) => ({ labels: each })));
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (!response.ok) throw new Error(`Alertmanager refused alerts: ${response.status} ${await response.text()}`);
    },
    stop,
  };
}

export interface WebhookReceiver {
  url: string;
  /** labels of the alerts it was told are firing; grows, each once for each telling */
  firing: Record<string, string>[];
  close(): Promise<void>;
}

/** Hears what Alertmanager sends to a `webhook_configs` receiver. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const firing: Record<string, string>[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { alerts } = JSON.parse(Buffer.concat(chunks).toString()) as {
      alerts: { status: string; labels: Record<string, string> }[];
    };
    firing.push(...alerts.filter(({ status }) => status === 'firing').map(({ labels }) => labels));
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    firing,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
