/** The apps by their names: each is loaded, and so begins, when it is meant. */
const APPS: Record<string, () => Promise<unknown>> = {
  'order-service': () => import('./apps/order-service.ts'),
  'payment-service': () => import('./apps/payment-service.ts'),
  'mail-service': () => import('./apps/mail-service.ts'),
};

/** What a part of the demo does in its own process (child.ts). `sidecar` runs one with these flags. */
export async function playPart([name, ...args]: string[], sidecar: (argv: string[]) => Promise<void>): Promise<void> {
  endWithTheDemo();
  if (name === 'sidecar') await sidecar(args);
  else await APPS[name]();
}

/** The demo holds the other end of the standard input, until it ends, however it does. */
function endWithTheDemo(): void {
  const { stdin } = process;
  stdin.on('end', () => process.exit());
  stdin.on('error', () => process.exit());
  stdin.resume();
  stdin.unref();
}
