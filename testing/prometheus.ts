import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './folder.ts';
import { freePort } from './ports.ts';
import { end, ended, signal, start } from './processes.ts';
import { until } from './wait.ts';

export interface PrometheusOptions {
  /** what to scrape, `host:port` each */
  targets: string[];
  /** milliseconds; 1,000 by default */
  scrapeInterval?: number;
  /** rule files (paths) */
  rules?: string[];
  /** `host:port` of the Alertmanager that gets the alerts */
  alertmanager?: string;
  /** keep exemplars */
  exemplars?: boolean;
  /** ask for protobuf, and store native histograms */
  nativeHistograms?: boolean;
}

/** One series of an instant vector. NaN and the infinities are numbers here too. */
export interface Series {
  labels: Record<string, string>;
  value: number;
}

export interface Prometheus {
  port: number;
  /** Evaluates now, or at `time` (seconds since the epoch). */
  query(expression: string, time?: number): Promise<Series[]>;
  /** Answer of any GET endpoint below /api/v1/, its `data`. */
  api(path: string, parameters: Record<string, string>): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a Prometheus with its data in a private folder, ready when resolved. */
export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = temporaryFolder('prometheus');
  const port = await freePort();
  const interval = `${options.scrapeInterval ?? 1000}ms`;
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: options.rules ?? [],
    ...(options.alertmanager && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [options.alertmanager] }] }] },
    }),
    scrape_configs: [{ job_name: 'tracehare', static_configs: [{ targets: options.targets }] }],
  };
  const file = join(folder.path, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const output = join(folder.path, 'output');
  const outputFd = openSync(output, 'w');
  const child = start(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(options.exemplars ? ['--enable-feature=exemplar-storage'] : []),
      ...(options.nativeHistograms ? ['--enable-feature=native-histograms'] : []),
    ],
    { stdio: ['ignore', outputFd, outputFd] },
  );
  closeSync(outputFd);
  async function stop(): Promise<void> {
    signal(child, 'SIGKILL');
    await end(child);
    folder.remove();
  }
  async function api(path: string, parameters: Record<string, string>): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer = (await response.json()) as { status: string; data: unknown; error?: string };
    if (answer.status !== 'success') throw new Error(`Prometheus refused ${path}: ${answer.error}`);
    return answer.data;
  }

  try {
    await until(
      async () => ended(child) || (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
      () => `Prometheus is ready:\n${readFileSync(output, 'utf8')}`,
    );
    if (ended(child)) throw new Error(`Prometheus did not start:\n${readFileSync(output, 'utf8')}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    api,
    async query(expression, time) {
      const parameters = { query: expression, ...(time === undefined ? {} : { time: String(time) }) };
      return vector((await api('query', parameters)) as QueryData);
    },
    stop,
  };
}

interface QueryData {
  resultType: string;
  result: unknown;
}

function vector(data: QueryData): Series[] {
  if (data.resultType === 'scalar') return [{ labels: {}, value: number((data.result as [number, string])[1]) }];
  if (data.resultType !== 'vector') throw new Error(`expected a vector, got a ${data.resultType}`);
  const result = data.result as { metric: Record<string, string>; value: [number, string] }[];
  return result.map((series) => ({ labels: series.metric, value: number(series.value[1]) }));
}

function number(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}
