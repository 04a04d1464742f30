/** The apps by their names: each is loaded, and so begins, when it is meant. */
const APPS: Record<string, () => Promise<unknown>> = {
  'order-service': () => import('./apps/order-service.ts'),
  'payment-service': () => import('./apps/payment-service.ts'),
  'mail-service': () => import('./apps/mail-service.ts'),
};

/** What the process of a sidecar says once apps can connect. */
export const SIDECAR_READY = 'sidecar: ready';

/** What a part of the demo does in its own process (child.ts). `sidecar` runs one with these flags. */
export async function playPart([name, ...args]: string[], sidecar: (argv: string[]) => Promise<void>): Promise<void> {
  endWithTheDemo();
  if (name !== 'sidecar') return void (await APPS[name]());
  await sidecar(args);
  // its process, and not another one that answers at its ports
  if (process.exitCode === undefined) console.log(SIDECAR_READY);
}

/** The demo holds the other end of the standard input, until it ends, however it does. */
function endWithTheDemo(): void {
  const { stdin } = process;
  stdin.on('end', () => process.exit());
  stdin.on('error', () => process.exit());
  stdin.resume();
  stdin.unref();
}
