import { configFile, lists, type Setting, settings, written } from '../config/settings.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';

/** The options most runs need, in this order; --config comes behind them. */
const first = ['listen', 'upstream', 'admin', 'loss', 'pipeline'];

const main = first.map((name) => settings.find((setting) => setting.name === name) as Setting);
const others = settings.filter((setting) => !main.includes(setting));
const config = { ...configFile, default: undefined, kind: 'text' } as const;

/** The page that has all commands, and what most runs need. */
export function help(): string {
  const listed = Object.entries(commands).map(([name, { usage, words, summary }]) => [
    `${name} ${words?.join('|') ?? usage}`.trim(),
    summary,
  ]);
  return `Tracehare, an observability sidecar for RabbitMQ: apps connect to it instead of to the broker.

Usage: tracehare [COMMAND] [OPTIONS]

Commands:
${columns([['[run]', 'run the sidecar'], ['demo', 'see it at work: a broker, three apps, a sidecar each; needs nothing else'], ...listed])}

Options of run, in short (tracehare run --help has all):
${columns([...main, configFile].map((each) => [`--${each.flag} ${each.placeholder}`, each.description]))}

  --help, -h, with or without a command; --version, -v

Examples:
  tracehare --upstream amqp://rabbitmq:5672
  tracehare --config tracehare.yaml --log-level debug
  tracehare check tracehare.yaml
`;
}

/** One command's page. */
export function commandHelp(name: string, { summary, usage, options, more }: Command): string {
  const listed = options.map(({ name, value, description }) => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    description,
  ]);
  return `tracehare ${name}: ${summary}.

Usage: ${`tracehare ${name} ${usage}`.trim()} [OPTIONS]

Options:
${columns([...listed, ['--help, -h', 'show this page']])}
${more === undefined ? '' : `\n${more}\n`}`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}

/** Everything that `run` can be given, generated from the schema. */
export function runHelp(): string {
  return `tracehare run: run the sidecar; the command that is meant when none is named.

Usage: tracehare [run] [FLAGS]

Options:
${[...main.map(entry), entry(config)].join('\n')}

Every key of the file has a flag and a variable, except for the lists ${inWords(lists)}.
A flag beats its variable, that beats the file, that beats the default; an empty variable
counts as not set. true|false flags can be given alone or as --no-FLAG. Spans are exported
where the standard OTEL_* variables say.

${grouped(others)}

Signals:
  SIGTERM, SIGINT   drain, then exit; a second one exits at once and cuts the connections
  SIGHUP            read the configuration again, as when its file changes
  SIGUSR2           new connections become plain pipes

Exit codes:
  0         ended as asked, after a drain
  1         could not start, or failed
  2         wrong flags, variables or configuration
  130, 143  a second SIGINT, SIGTERM ended the drain
  137       the drain did not end, and it killed itself

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
