/** What docs/configuration.md shows of a section of the file. */
export interface Example {
  /** who needs it, and what for; Markdown */
  when: string;
  yaml: string;
}

/** Of each section; the last is of the keys that stand in none. A test holds them against the schema. */
export const examples: Record<string, Example> = {
  listen: {
    when: 'Change it where the app is not on the same loopback address (another container network, another host), and then with TLS.',
    yaml: `listen:
  address: :5671
  tls:
    cert: /etc/tracehare/tls/tls.crt
    key: /etc/tracehare/tls/tls.key
    ca: /etc/tracehare/tls/apps-ca.crt
    clientCertificate: require`,
  },
  upstream: {
    when: 'Nearly always: the broker is rarely on the same host. Several nodes are tried in turn; `tls` where the broker’s certificate is of a CA that the system does not know, or where the broker asks for one.',
    yaml: `upstream:
  urls: [amqps://rabbitmq-0.rabbitmq:5671, amqps://rabbitmq-1.rabbitmq:5671]
  connectTimeout: 3s
  tls:
    ca: /etc/tracehare/broker-ca.crt`,
  },
  admin: {
    when: 'Where Prometheus or the kubelet come from elsewhere: listen on all interfaces then, and give the page a token.',
    yaml: `admin:
  address: :9673
  tokenFile: /etc/tracehare/admin-token`,
  },
  page: {
    when: 'Traces of a longer time on the page than 16 MiB hold, or none at all in little memory (`0KiB`).',
    yaml: `page:
  traces: 64MiB`,
  },
  loss: {
    when: '`confirms` where publishers use no confirms and each loss must be known; `off` where nothing may be added to what the app asks of the broker; `exempt` for clients that use transactions.',
    yaml: `loss:
  mode: confirms
  exempt:
    - { connectionName: legacy-importer, user: batch }`,
  },
  tracing: {
    when: 'More or fewer new traces than 50 a second; consumers whose own SDK should decide on sampling (`injectUnsampled: false`); long chains that should be linked instead of one trace; what counts as slow by your objectives ([tracing.md](tracing.md#kept-though-unsampled)).',
    yaml: `tracing:
  maxTracesPerSecond: 200
  consumer: link
  keep:
    slow: 2s`,
  },
  rounds: {
    when: 'Retry loops that try more than five times on purpose.',
    yaml: `rounds:
  poison: 20`,
  },
  rpc: {
    when: 'Answers that take longer than 30 s, or that are missing long before. See [tracing.md](tracing.md#calls).',
    yaml: `rpc:
  timeout: 5s`,
  },
  metrics: {
    when: 'More than 500 topics, latencies that the default buckets are too coarse for, or a Prometheus that should not get OpenTelemetry’s names beside ours.',
    yaml: `metrics:
  maxTopics: 2000
  openTelemetryNames: false
  buckets:
    latency: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 60]`,
  },
  drain: {
    when: 'Apps that take longer than 10 s to finish after SIGTERM. Give Kubernetes’ `terminationGracePeriodSeconds` as much more.',
    yaml: `drain:
  timeout: 30s`,
  },
  limits: {
    when: 'A sidecar in little memory, or an app that keeps more open at a time than the defaults allow for. [operations.md](operations.md#limits) says what each costs, and where it shows that it bit.',
    yaml: `limits:
  connections: 500
  windowPerChannel: 50000
  losses: 5000`,
  },
  process: {
    when: '`inherit` where whoever starts it decides on scheduling and `chrt` is not to be run; `warmUp: false` where it starts often and passes little, such as beside short jobs: it saves the start some 0.4 s of CPU, which the first hundred thousand messages then cost more ([performance.md](performance.md#what-the-figures-say)).',
    yaml: `process:
  schedulingPolicy: inherit
  warmUp: false`,
  },
  log: {
    when: '`debug` to see each connection come and go.',
    yaml: `log:
  level: debug`,
  },
  faults: {
    when: 'In tests and game days. Off, the faults of rules do nothing, so that a file can keep them.',
    yaml: `faults:
  enabled: true
rules:
  - match: { exchange: orders, side: publish }
    faults: [{ type: latency, attributes: { latency: 200ms, jitter: 50ms }, for: 10m }]
  - match: { queue: billing }
    faults: [{ type: hold_settlements, toxicity: 0.1, attributes: { latency: 5s } }]
  - match: { vhost: / }
    faults: [{ type: partition, attributes: { direction: downstream, every: 1m, lasting: 5s } }]`,
  },
  rules: {
    when: 'To name topics by more than the exchange, to say where a loss is none, to keep headers off messages that are signed. A first rule is mostly a topic.',
    yaml: `rules:
  - match: { exchange: orders, routingKey: order.created }
    topic: orders.created
  - match: { exchange: prices, side: publish }
    loss: { unroutable: expected }`,
  },
  plugins: {
    when: 'Where rules don’t reach: a decision that takes code, about each message.',
    yaml: `plugins:
  - module: ./tenant.mjs
    options: { header: x-tenant }`,
  },
  '': {
    when: '`pipeline` where the vhost says nothing about what a deployment serves; `workers` where one core is not enough ([operations.md](operations.md#sizing)); `peers` to see several sidecars on one page ([api.md](api.md#several-sidecars-as-one)).',
    yaml: `pipeline: orders
workers: 2
peers: [http://payments:9673, http://mails:9673]`,
  },
};
