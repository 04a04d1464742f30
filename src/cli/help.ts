import { configFile, lists, type Setting, settings, written } from '../config/settings.ts';

/** The options most runs need, in this order; --config comes behind them. */
const first = ['listen', 'upstream', 'admin', 'loss', 'pipeline'];

/** The whole page, generated from the schema. */
export function help(): string {
  const main = first.map((name) => settings.find((setting) => setting.name === name) as Setting);
  const others = settings.filter((setting) => !main.includes(setting));
  return `Tracehare, an observability sidecar for RabbitMQ: apps connect to it instead of to the broker.

Usage:
  tracehare [run] [FLAGS]   run the sidecar
  tracehare check FILE      check a configuration file
  tracehare demo            see it at work: a broker, three apps, a sidecar each; needs nothing else
  tracehare help            show this page; also --help, -h
  tracehare --version, -v   show the version

Options:
${[...main.map(entry), entry({ ...configFile, default: undefined, kind: 'text' })].join('\n')}

Every key of the file has a flag and a variable, except for the lists ${inWords(lists)}.
A flag beats its variable, that beats the file, that beats the default; an empty variable
counts as not set. true|false flags can be given alone or as --no-FLAG. Spans are exported
where the standard OTEL_* variables say.

${grouped(others)}

Signals:
  SIGTERM, SIGINT   drain, then exit; a second one exits at once
  SIGHUP            read the configuration again, as when its file changes
  SIGUSR2           new connections become plain pipes

Exit codes:
  0   ended as asked, or the checked file is right
  1   could not start or failed; the checked file is wrong
  2   wrong flags or configuration

Examples:
  tracehare --upstream amqp://rabbitmq:5672
  tracehare --listen :5673 --upstream amqps://mq-1,amqps://mq-2 --pipeline orders
  tracehare --config tracehare.yaml --log-level debug
  TRACEHARE_BYPASS=1 tracehare
`;
}

const inWords = (names: string[]): string => new Intl.ListFormat('en').format(names);

function grouped(settings: Setting[]): string {
  const groups = Map.groupBy(settings, ({ path }) => path[0]);
  return [...groups].map(([name, members]) => `${name}:\n${members.map(entry).join('\n')}`).join('\n\n');
}

type Entry = Pick<Setting, 'flag' | 'variable' | 'placeholder' | 'description' | 'default' | 'kind'>;

/** Three lines at most: how to give it, what it is, what it is otherwise. */
function entry(setting: Entry): string {
  const usage = setting.kind === 'boolean' ? `--${setting.flag}` : `--${setting.flag} ${setting.placeholder}`;
  const lines = [`${usage.padEnd(46)}  ${setting.variable}`, `    ${setting.description}`];
  if (setting.default !== undefined) lines.push(`    default: ${written(setting.default)}`);
  return lines.map((line) => `  ${line}`).join('\n');
}
