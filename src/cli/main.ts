import process from 'node:process';
import { didYouMean, shown } from '../config/nearest.ts';

const commands = ['run', 'check', 'demo', 'help'];

/** Finds the command and runs it; each is loaded only when it is meant. Sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  const [first] = argv;
  const named = first !== undefined && !first.startsWith('-');
  const command = named ? first : 'run';
  const rest = named ? argv.slice(1) : argv;
  if (command === 'demo') {
    const { demo } = await import('../demo/demo.ts');
    await demo(rest, (flags) => main(['run', ...flags]));
  } else if (rest.includes('--help') || rest.includes('-h') || command === 'help') {
    const { help } = await import('./help.ts');
    process.stdout.write(help());
  } else if (rest.includes('--version') || rest.includes('-v')) {
    const { version } = await import('../version.ts');
    process.stdout.write(`${version}\n`);
  } else if (command === 'run') {
    // first of all: it loads while this thread reads the configuration
    const { loadTraffic } = await import('../threads/traffic-thread.ts');
    const traffic = loadTraffic();
    const { run } = await import('./run.ts');
    await run(rest, traffic);
  } else if (command === 'check') {
    const { check } = await import('./check.ts');
    check(rest);
  } else unknown(command);
}

function unknown(command: string): void {
  const offer = didYouMean(command, commands) || '; tracehare --help lists them';
  process.stderr.write(`tracehare: unknown command \`${shown(command)}\`${offer}\n`);
  process.exitCode = 2;
}
