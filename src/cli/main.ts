import process from 'node:process';
import { didYouMean, shown } from '../config/nearest.ts';
import { CommandError, readArguments, UsageError } from './arguments.ts';
import { commands } from './commands.ts';

/** Finds the command and runs it; each is loaded only when it is meant. Sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  const [first] = argv;
  const named = first !== undefined && !first.startsWith('-');
  const name = named ? first : 'run';
  const rest = named ? argv.slice(1) : argv;
  try {
    if (name === 'demo' || (name === 'help' && rest[0] === 'demo')) {
      // reads its own arguments: it also plays the parts of its cast
      const { demo } = await import('../demo/demo.ts');
      await demo(name === 'demo' ? rest : ['--help'], (flags) => main(['run', ...flags]));
    } else if (name === 'help') await help(rest[0]);
    else if (asksForHelp(rest)) await help(named ? name : undefined);
    else if (rest.includes('--version') || (name === 'run' && rest.includes('-v'))) {
      const { version } = await import('../version.ts');
      process.stdout.write(`${version}\n`);
    } else if (name === 'run') {
      // first of all: it loads while this thread reads the configuration
      const { loadTraffic } = await import('../threads/traffic-thread.ts');
      const traffic = loadTraffic();
      const { run } = await import('./run.ts');
      await run(rest, traffic);
    } else {
      const command = find(name);
      const given = readArguments(name, command, rest);
      await (await command.load()).run(given);
    }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`tracehare: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

function asksForHelp(argv: string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}

async function help(name: string | undefined): Promise<void> {
  const { commandHelp, help, runHelp } = await import('./help.ts');
  if (name === undefined) process.stdout.write(help());
  else process.stdout.write(name === 'run' ? runHelp() : commandHelp(name, find(name)));
}

function find(name: string) {
  if (Object.hasOwn(commands, name)) return commands[name];
  const offer = didYouMean(name, ['run', 'demo', 'help', ...Object.keys(commands)]) || '; tracehare --help lists them';
  throw new UsageError(`unknown command \`${shown(name)}\`${offer}`);
}
