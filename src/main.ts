#!/usr/bin/env node
import process from 'node:process';

// Before anything is imported that an older Node can't read.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`tracehare: needs Node 24 or newer, this is ${process.versions.node}\n`);
  process.exit(2);
}

// Node would open its debugger, to all on this host, for whoever may send it
process.on('SIGUSR1', () => {});

const { main } = await import('./cli/main.ts');
await main(process.argv.slice(2));
