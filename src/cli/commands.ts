import type { Command, Option } from './command.ts';

/** Of all commands that ask a running sidecar. */
const ADMIN: readonly Option[] = [
  { name: 'admin', value: 'URL', description: 'its admin address; TRACEHARE_ADMIN, or http://127.0.0.1:9673' },
  { name: 'token', value: 'TOKEN', description: 'its admin.token; TRACEHARE_ADMIN_TOKEN, or …_TOKEN_FILE' },
  { name: 'json', description: 'print the answer of the admin server, as JSON' },
];
const TOPIC: Option = { name: 'topic', value: 'TOPIC', description: 'of this topic only' };
/** Columns that topics can be sorted by; the greatest first, with a dash the least. */
const TOP_SORTS = [
  'topic',
  'published',
  'consumed',
  'p50',
  'p95',
  'p99',
  'lossRate',
  'lost',
  'unknown',
  'unsettled',
].flatMap((column) => [column, `-${column}`]);
const CODES = `Exit codes: 0 it was answered, or ended by Ctrl-C; 1 the sidecar can't be asked or refuses; 2 called
wrongly.`;

/** Every command but those that main.ts starts itself, `run` and `demo`: an entry here is all it takes. */
export const commands: Readonly<Record<string, Command>> = {
  check: {
    summary: 'check configuration files',
    usage: 'FILE…',
    options: [],
    more: `Checks configuration files, each alone and without the flags and variables of this shell, and the
files that they name. - is standard input.

Exit codes: 0 all are right; 1 one is wrong, with a line on stderr for each error, as
file:line:column: path: what is wrong; 2 called wrongly.`,
    load: () => import('./check.ts'),
  },
  top: {
    summary: 'watch the topics of a running sidecar',
    usage: '',
    options: [
      {
        name: 'sort',
        value: 'COLUMN',
        values: TOP_SORTS,
        description: 'the greatest first, published without it; -COLUMN: the least',
      },
      { name: 'topic', value: 'TEXT', description: 'of topics and pipelines that contain this' },
      ...ADMIN,
    ],
    more: `Drawn anew every 2 s; s sorts by another column, q or Ctrl-C ends it. Once, as plain lines, where
standard output is no terminal.

${CODES}`,
    load: () => import('./terminal/top.ts'),
  },
  tail: {
    summary: 'a line for each message as it ends',
    usage: '',
    options: [TOPIC, ...ADMIN],
    more: `Time, side, topic, outcome, how long it took (publish: until the broker answered; delivery: until it was
settled), how long after its publish it was delivered first, trace id.

${CODES}`,
    load: () => import('./terminal/tail.ts'),
  },
  losses: {
    summary: 'which messages were lost',
    usage: '',
    options: [
      { name: 'since', value: 'TIME', description: '15m, 2h, or a time such as 2026-01-31T12:00:00Z' },
      TOPIC,
      { name: 'reason', value: 'REASON', description: 'for this reason only, docs/loss.md has them' },
      { name: 'side', value: 'publish|consume', values: ['publish', 'consume'], description: 'on this side only' },
      { name: 'limit', value: 'N', description: 'the newest N; 100' },
      ...ADMIN,
    ],
    more: CODES,
    load: () => import('./terminal/losses.ts'),
  },
  map: {
    summary: 'who talks to whom',
    usage: '',
    options: [
      { name: 'vhost', value: 'VHOST', description: 'in this virtual host only' },
      { name: 'pipeline', value: 'PIPELINE', description: 'of this pipeline only' },
      ...ADMIN,
    ],
    more: CODES,
    load: () => import('./terminal/map.ts'),
  },
  faults: {
    summary: 'failures on purpose, while it runs',
    usage: '[list] | add TYPE [ATTRIBUTE=VALUE…] | end NAME | end --all',
    words: ['list', 'add', 'end'],
    options: [
      { name: 'for', value: 'TIME', description: 'add: ends by itself after 30s, 5m …' },
      { name: 'toxicity', value: 'NUMBER', description: 'add: probability of striking a message, up to 1' },
      {
        name: 'stream',
        value: 'upstream|downstream',
        values: ['upstream', 'downstream'],
        description: 'add: publishes, or deliveries, only',
      },
      {
        name: 'match',
        value: 'KEY=PATTERN',
        many: true,
        description: 'add: of messages that match, as in rules; again for more',
      },
      { name: 'name', value: 'NAME', description: 'add: what it is ended by; its type without it' },
      { name: 'all', description: 'end: all that were added' },
      ...ADMIN,
    ],
    more: `To add and end, the sidecar must have an admin.token, and faults.enabled. What is added outlives a reload
of the configuration, but no restart. docs/faults.md has the types and their attributes.

  tracehare faults add latency latency=200ms jitter=50ms --stream upstream --match exchange=orders --for 30s
  tracehare faults end latency

${CODES}`,
    load: () => import('./terminal/faults.ts'),
  },
  bypass: {
    summary: 'make new connections plain pipes, or read them again',
    usage: 'on|off',
    words: ['on', 'off'],
    options: ADMIN,
    more: `Needs the admin.token. It holds until it is changed again or the sidecar ends, whatever the configuration
says.

${CODES}`,
    load: () => import('./terminal/bypass.ts'),
  },
  inject: {
    summary: 'add the sidecar to pods of Kubernetes that are annotated for it',
    usage: '--cert FILE --key FILE --image IMAGE',
    options: [
      {
        name: 'cert',
        value: 'FILE',
        description: 'certificate shown to the API server, PEM; read again as it changes',
      },
      { name: 'key', value: 'FILE', description: 'its private key, PEM' },
      { name: 'image', value: 'IMAGE', description: 'of the sidecars, where no annotation names another' },
      { name: 'upstream', value: 'URL[,URL…]', description: 'the broker of pods that name none' },
      { name: 'env', value: 'NAME=VALUE', many: true, description: 'variable of the sidecars; again for more' },
      { name: 'scrape-annotations', description: 'annotate pods with prometheus.io/*, where they have none' },
      { name: 'listen', value: 'ADDR', description: 'where the API server asks, by HTTPS; :9443' },
    ],
    more: `A mutating admission webhook: POST /inject answers an AdmissionReview, /livez and /readyz tell its health.
Pods annotated tracehare.io/inject: "true" get the sidecar, and none is ever refused. docs/kubernetes.md has the
other annotations, and how it is installed.

Exit codes: 0 ended by a signal; 2 called wrongly, or what it was given can't be used.`,
    load: () => import('./inject.ts'),
  },
  completion: {
    summary: 'print what completes command lines in bash or zsh',
    usage: 'bash|zsh',
    words: ['bash', 'zsh'],
    options: [],
    more: `In ~/.bashrc:  eval "$(tracehare completion bash)"
In ~/.zshrc:   eval "$(tracehare completion zsh)"   (behind compinit)`,
    load: () => import('./completion.ts'),
  },
};
