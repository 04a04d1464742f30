import process from 'node:process';

/** A line on standard output. Whoever reads it may have read enough: that ends the command, and is no failure. */
export function print(line: string): void {
  if (!listening) {
    listening = true;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1);
    });
  }
  process.stdout.write(`${line}\n`);
}

let listening = false;

/** Columns that a line may take. */
export function lineWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}
