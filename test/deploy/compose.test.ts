import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { commandPath } from '../../scripts/provision.mjs';
import { run } from '../../testing/processes.ts';

interface Service {
  image: string;
  build?: { target: string };
  environment?: Record<string, string>;
  command?: string[];
  ports?: string[];
  networks: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: unknown;
  stop_grace_period?: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const compose = parse(text('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
};
const { services } = compose;
const apps = ['order-service', 'payment-service'];
const sidecars = ['order-tracehare', 'payment-tracehare'];

/** Services that one can reach, by the name it uses for them. */
function reachableFrom(name: string): string[] {
  const { networks } = services[name];
  return Object.keys(services).filter((other) => services[other].networks.some((each) => networks.includes(each)));
}

describe('the compose stack', () => {
  test('has every service it promises and refers to nothing that is not there', () => {
    expect(Object.keys(services).sort()).toEqual(
      [...apps, ...sidecars, 'alertmanager', 'grafana', 'jaeger', 'prometheus', 'rabbitmq'].sort(),
    );
    for (const [name, service] of Object.entries(services)) {
      for (const network of service.networks) expect(compose.networks, name).toHaveProperty(network);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(services, name).toHaveProperty(other);
        // The image of the sidecars brings its own.
        const checked = services[other].healthcheck !== undefined || sidecars.includes(other);
        expect(condition, `${name} waits for ${other}`).toBe(checked ? 'service_healthy' : 'service_started');
      }
      for (const [source] of (service.volumes ?? []).map((volume) => volume.split(':'))) {
        if (source.startsWith('./')) expect(existsSync(root + source), source).toBe(true);
        else expect(compose.volumes).toHaveProperty(source);
      }
    }
  });

  test('pins every image it does not build to one release', () => {
    for (const [name, { image, build }] of Object.entries(services)) {
      if (build) expect(text('Dockerfile')).toMatch(new RegExp(`^FROM .+ AS ${build.target}$`, 'm'));
      else expect(image, name).toMatch(/:v?\d+\.\d+\.\d+(-\w+)?$/);
    }
  });

  test('publishes ports on this machine only, each once', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    const own = published.map((port) => port.split(':')[1]);
    expect(own.sort()).toEqual(['15672', '16686', '3000', '4317', '4318', '9090', '9093', '9673', '9674']);
  });

  test.each(apps.map((app, index) => [app, sidecars[index]]))(
    '%s can reach its own sidecar and nobody else, and knows nothing of telemetry',
    (app, sidecar) => {
      expect(reachableFrom(app).sort()).toEqual([app, sidecar].sort());
      expect(services[app].environment).toEqual({ AMQP_URL: `amqp://demo:demo@${sidecar}:5673` });
      expect(reachableFrom(sidecar)).toEqual(expect.arrayContaining(['rabbitmq', 'jaeger', 'prometheus']));
      expect(services[sidecar].environment).toEqual({
        TRACEHARE_LISTEN: '0.0.0.0:5673',
        TRACEHARE_UPSTREAM: 'amqp://rabbitmq:5672',
        TRACEHARE_PIPELINE: 'shop',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger:4318',
        OTEL_SERVICE_NAME: app,
      });
    },
  );

  test('a sidecar has the time to drain before it is killed', () => {
    for (const sidecar of sidecars) expect(services[sidecar].stop_grace_period, sidecar).toMatch(/^([3-9]\d|\d{3,})s$/);
  });

  test("an app's networks lead nowhere else, not even by an address", () => {
    for (const app of apps)
      for (const network of services[app].networks) expect(compose.networks[network]?.internal, network).toBe(true);
  });

  test('Jaeger listens beyond loopback and Prometheus keeps exemplars', () => {
    expect(services.jaeger.environment).toEqual({ JAEGER_LISTEN_HOST: '0.0.0.0' });
    expect(services.prometheus.command).toContain('--enable-feature=exemplar-storage');
  });
});

describe('the provisioning', () => {
  const prometheus = parse(text('dashboards/prometheus/prometheus.yml'));
  const { datasources } = parse(text('dashboards/grafana/provisioning/datasources/tracehare.yml'));
  const byUid = (uid: string) => datasources.find((each: { uid: string }) => each.uid === uid);

  test('Prometheus accepts its configuration', async () => {
    const promtool = commandPath('promtool');
    if (promtool === undefined) throw new Error('no promtool found: run `node scripts/provision.mjs prometheus`');
    const { code, stdout } = await run(promtool, ['check', 'config', `${root}dashboards/prometheus/prometheus.yml`]);
    expect(code, stdout.toString()).toBe(0);
  });

  test('Prometheus scrapes the admin port of each sidecar of the stack', () => {
    const job = prometheus.scrape_configs.find((each: { job_name: string }) => each.job_name === 'tracehare');
    const targets = job.static_configs.flatMap((each: { targets: string[] }) => each.targets);
    expect(targets).toEqual(sidecars.map((sidecar) => `${sidecar}:9673`));
    expect(reachableFrom('prometheus')).toEqual(expect.arrayContaining(sidecars));
  });

  test('Prometheus sends its alerts to an Alertmanager it can reach, with the configuration of dashboards/', () => {
    const [{ targets }] = prometheus.alerting.alertmanagers[0].static_configs;
    expect(targets).toEqual(['alertmanager:9093']);
    expect(reachableFrom('prometheus')).toContain('alertmanager');
    const path = '/etc/alertmanager/alertmanager.yml';
    expect(services.alertmanager.volumes).toContain(`./dashboards/prometheus/alertmanager.yml:${path}:ro`);
    expect(services.alertmanager.command).toContain(`--config.file=${path}`);
    expect(services.prometheus.volumes).toContain('./dashboards/prometheus/rules:/etc/prometheus/rules:ro');
  });

  test('Grafana asks services it can reach, and an exemplar leads to its trace in Jaeger', () => {
    for (const uid of ['prometheus', 'jaeger']) {
      expect(reachableFrom('grafana')).toContain(new URL(byUid(uid).url).hostname);
      expect(byUid(uid)).toMatchObject({ type: uid, access: 'proxy' });
    }
    expect(byUid('prometheus').jsonData.exemplarTraceIdDestinations).toEqual([
      expect.objectContaining({ name: 'trace_id', datasourceUid: 'jaeger' }),
    ]);
  });

  test('Grafana finds the overview where its provider and its home page look for it', () => {
    const { providers } = parse(text('dashboards/grafana/provisioning/dashboards/tracehare.yml'));
    const home = services.grafana.environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
    expect(home).toBe(`${providers[0].options.path}/overview.json`);
    expect(services.grafana.volumes).toContain(`./dashboards/grafana:${providers[0].options.path}:ro`);
    expect(existsSync(`${root}dashboards/grafana/overview.json`)).toBe(true);
    for (const kind of ['datasources', 'dashboards']) {
      const folder = `grafana/provisioning/${kind}`;
      expect(services.grafana.volumes).toContain(`./dashboards/${folder}:/etc/${folder}:ro`);
    }
  });
});
